import type { HttpBackend, RequestForm } from "../../domain/backends/backend.ts"
import { tensorData } from "../../domain/backends/model-input.ts"
import { columnOf, valueAt, wrongShape } from "../../domain/backends/model-output.ts"
import { JSON_TYPE, jsonOf, SHOWN_ID, type Wire } from "./wire.ts"

type Inputs = NonNullable<RequestForm["inputs"]>

/** Where the JSON of a body ends and its binary tensors begin. */
const HEADER_LENGTH = "inference-header-content-length"
const BINARY_TYPE = "application/octet-stream"

/** Open Inference Protocol V2 over HTTP: MLServer, KServe, Triton and others. */
export function openInference({ model = "", version, request, response = {} }: HttpBackend): Wire {
  const inputs = request?.inputs
  const path = `/v2/models/${model}${version === undefined ? "" : `/versions/${version}`}`
  return {
    path: `${path}/infer`,
    metadataPath: path,
    passes: "open-inference-v2",
    features: inputs === undefined ? null : [...new Set(inputs.flatMap(({ features }) => features))],
    write: (instances, decisionId) => {
      const tensors = (inputs ?? []).map((input) => tensorOf(input, instances.length, tensorData(instances, input)))
      return requestOf(decisionId, tensors)
    },
    preview: () => {
      const shown = (input: Inputs[number]) => input.features.map((name) => `<${name}>`)
      return requestOf(
        SHOWN_ID,
        (inputs ?? []).map((input) => tensorOf(input, 1, shown(input))),
      )
    },
    read: (answer, instances) => {
      const outputs = valueAt(jsonOf(answer), "/outputs")
      const output = (Array.isArray(outputs) ? outputs : []).find(
        (one) => response.output === undefined || valueAt(one, "/name") === response.output,
      )
      if (output === undefined) throw wrongShape(`the answer has no output ${response.output ?? "at all"}`)
      return columnOf(valueAt(output, "/data"), response.column, instances)
    },
    forward: ({ bytes, headers }) => {
      const headerLength = headers[HEADER_LENGTH]
      // KServe takes a body only with its type, MLServer none that is a form's.
      if (headerLength === undefined) return { body: bytes, headers: { "content-type": JSON_TYPE } }
      return { body: bytes, headers: { "content-type": BINARY_TYPE, [HEADER_LENGTH]: headerLength } }
    },
    backward: ({ bytes, headers }) => {
      const headerLength = headers[HEADER_LENGTH]
      if (headerLength === undefined) return { bytes, contentType: headers["content-type"], headers: {} }
      return { bytes, contentType: headers["content-type"] ?? BINARY_TYPE, headers: { [HEADER_LENGTH]: headerLength } }
    },
  }
}

function tensorOf({ name, datatype, features }: Inputs[number], instances: number, data: readonly unknown[]) {
  return { name, shape: [instances, features.length], datatype, data }
}

function requestOf(id: string, inputs: readonly unknown[]) {
  return { body: JSON.stringify({ id, inputs }), headers: { "content-type": JSON_TYPE } }
}
