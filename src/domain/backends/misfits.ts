import type { HttpBackend, RequestForm, ResponseForm } from "./backend.ts"
import { columnsOf, type ModelSignature, type TensorSignature, tensorText } from "./signature.ts"
import type { HttpProtocol } from "./target.ts"

/** Where a document declares something else than the model's server says. Either may be right. */
export interface Misfit {
  /** RFC 6901, within the variant's `backend`. */
  readonly pointer: string
  /** What the document declares, and what the server has. */
  readonly detail: string
}

/** Everything in which a backend doesn't fit what its server says of the model; none for a protocol without metadata. */
export function misfitsOf(backend: HttpBackend, protocol: HttpProtocol, signature: ModelSignature): Misfit[] {
  const { request = {}, response = {} } = backend
  if (protocol === "open-inference-v2") return openInferenceMisfits(request, response, signature)
  if (protocol === "tensorflow-v1") return tensorflowMisfits(request, response, signature)
  if (protocol === "seldon-v1") return seldonMisfits(request, response, signature)
  return []
}

type Input = NonNullable<RequestForm["inputs"]>[number]

function openInferenceMisfits({ inputs }: RequestForm, response: ResponseForm, signature: ModelSignature): Misfit[] {
  // Without inputs only bodies are passed on: nothing is declared.
  if (inputs === undefined) return []
  const declared = inputs.flatMap((input, index) => inputMisfits(input, index, signature.inputs))
  return [
    ...declared,
    ...unsentInputs(new Set(inputs.map(({ name }) => name)), signature),
    ...outputMisfits(response, signature),
  ]
}

function inputMisfits(
  { name, datatype, features }: Input,
  index: number,
  inputs: readonly TensorSignature[],
): Misfit[] {
  const pointer = `/request/inputs/${index}`
  const known = inputs.find((input) => input.name === name)
  if (known === undefined) {
    return [{ pointer: `${pointer}/name`, detail: `is ${name}; the server's inputs are ${listOf(inputs)}` }]
  }
  const misfits: Misfit[] = []
  if (known.datatype !== datatype) {
    misfits.push({ pointer: `${pointer}/datatype`, detail: `is ${datatype}; the server has ${tensorText(known)}` })
  }
  return [...misfits, ...widthMisfits(`${pointer}/features`, features.length, known)]
}

function widthMisfits(pointer: string, sent: number, tensor: TensorSignature): Misfit[] {
  const columns = columnsOf(tensor)
  if (columns === undefined || columns === sent) return []
  return [{ pointer, detail: `are ${sent}, a column each; the server takes ${columns}: ${tensorText(tensor)}` }]
}

function unsentInputs(sent: ReadonlySet<string>, { inputs }: ModelSignature): Misfit[] {
  const unsent = inputs.filter(({ name }) => !sent.has(name))
  if (unsent.length === 0) return []
  return [{ pointer: "/request", detail: `sends ${[...sent].join(", ")}; the server also has ${listOf(unsent)}` }]
}

function outputMisfits({ output, column }: ResponseForm, { outputs }: ModelSignature): Misfit[] {
  if (outputs.length === 0) return []
  const read = output === undefined ? outputs[0] : outputs.find(({ name }) => name === output)
  if (read === undefined) {
    return [{ pointer: "/response/output", detail: `is ${output}; the server's outputs are ${listOf(outputs)}` }]
  }
  if (read.datatype === "BYTES") {
    const detail = `reads ${tensorText(read)}, and a prediction is a number; the server's outputs are ${listOf(outputs)}`
    return [{ pointer: "/response", detail }]
  }
  return columnMisfits(column, read)
}

function columnMisfits(column: number | undefined, tensor: TensorSignature): Misfit[] {
  const columns = columnsOf(tensor)
  if (columns === undefined || (columns === 1 && column === undefined)) return []
  if (column === undefined) {
    return [
      {
        pointer: "/response",
        detail: `has no column; the server answers ${columns} numbers a row: ${tensorText(tensor)}`,
      },
    ]
  }
  if (column < columns) return []
  return [
    {
      pointer: "/response/column",
      detail: `is ${column}, from 0; the server answers ${columns} a row: ${tensorText(tensor)}`,
    },
  ]
}

/** A row is the one input that there is, an object has a member for each input. */
function tensorflowMisfits(request: RequestForm, response: ResponseForm, signature: ModelSignature): Misfit[] {
  const { inputs, outputs } = signature
  return [...tensorflowInputMisfits(request, inputs, signature), ...tensorflowOutputMisfits(response, outputs)]
}

function tensorflowInputMisfits(
  { form, features }: RequestForm,
  inputs: readonly TensorSignature[],
  signature: ModelSignature,
): Misfit[] {
  if (form === "row" && features !== undefined) {
    const [only, ...others] = inputs
    if (only === undefined) return []
    if (others.length > 0) {
      return [
        { pointer: "/request/form", detail: `is row; the server has several inputs, for objects: ${listOf(inputs)}` },
      ]
    }
    return widthMisfits("/request/features", features.length, only)
  }
  if (features === undefined || inputs.length === 0) return []
  const unknown = features.filter((name) => !inputs.some((input) => input.name === name))
  const misfits = unknown.map((name) => ({
    pointer: `/request/features/${features.indexOf(name)}`,
    detail: `is ${name}; the server's inputs are ${listOf(inputs)}`,
  }))
  return [...misfits, ...unsentInputs(new Set(features), signature)]
}

/** Several outputs come as objects, one as bare values. */
function tensorflowOutputMisfits(
  { pointer, item, column }: ResponseForm,
  outputs: readonly TensorSignature[],
): Misfit[] {
  const [only, ...others] = outputs
  if (only === undefined || pointer !== undefined) return []
  if (others.length === 0 && item === undefined) return columnMisfits(column, only)
  const read = outputs.find(({ name }) => item?.split("/")[1] === name)
  if (others.length > 0 && read === undefined) {
    const declared = item === undefined ? "is left out" : `is ${item}`
    return [{ pointer: "/response/item", detail: `${declared}; the server's outputs are ${listOf(outputs)}` }]
  }
  return []
}

/** What Seldon calls arrays; other messages are objects, texts and bytes. */
const ARRAYS: ReadonlySet<string> = new Set(["tensor", "ndarray", "tftensor"])

function seldonMisfits(
  { form, features = [] }: RequestForm,
  { column }: ResponseForm,
  signature: ModelSignature,
): Misfit[] {
  const [input] = signature.inputs
  const [output] = signature.outputs
  const answered = output !== undefined && ARRAYS.has(output.name) ? columnMisfits(column, output) : []
  if (input === undefined) return answered
  const takesRows = ARRAYS.has(input.name) || input.datatype !== ""
  if (takesRows !== (form === "row")) {
    const sent = form === "row" ? "row" : "object, which is sent as jsonData"
    return [{ pointer: "/request/form", detail: `is ${sent}; the server takes ${tensorText(input)}` }, ...answered]
  }
  if (!takesRows) return answered
  const { columns } = input
  if (columns === undefined) return [...widthMisfits("/request/features", features.length, input), ...answered]
  if (columns.join("\n") === features.join("\n")) return answered
  const detail = `are ${features.join(", ")}; the server takes ${columns.join(", ")}`
  return [{ pointer: "/request/features", detail }, ...answered]
}

function listOf(tensors: readonly TensorSignature[]): string {
  return tensors.length === 0 ? "none" : tensors.map(tensorText).join(", ")
}
