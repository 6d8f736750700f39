import * as z from "zod"
import type { HttpProtocol } from "./target.ts"

/** One tensor, as the server of a model describes it. */
export interface TensorSignature {
  readonly name: string
  /** As Open Inference calls it (FP32, BYTES, …) where it has a name for it; empty where the server doesn't say. */
  readonly datatype: string
  /** -1 for a length that varies. The first is that of the batch. */
  readonly shape: readonly number[]
  /** Names of its columns; absent where the server doesn't say. */
  readonly columns?: readonly string[]
}

/** Inputs and outputs of a model, as its server describes them. */
export interface ModelSignature {
  readonly inputs: readonly TensorSignature[]
  readonly outputs: readonly TensorSignature[]
}

const length = z.coerce.number().int()
const tensor = z.object({ name: z.string(), datatype: z.string(), shape: z.array(length) })
const openInference = z.object({ inputs: z.array(tensor).nullish(), outputs: z.array(tensor).nullish() })

/** What TensorFlow calls types of elements. */
const TENSORFLOW_TYPES: Readonly<Record<string, string>> = {
  DT_BOOL: "BOOL",
  DT_DOUBLE: "FP64",
  DT_FLOAT: "FP32",
  DT_HALF: "FP16",
  DT_INT8: "INT8",
  DT_INT16: "INT16",
  DT_INT32: "INT32",
  DT_INT64: "INT64",
  DT_STRING: "BYTES",
  DT_UINT8: "UINT8",
  DT_UINT16: "UINT16",
  DT_UINT32: "UINT32",
  DT_UINT64: "UINT64",
}

const tensorflowTensors = z.record(
  z.string(),
  z.object({
    dtype: z.string(),
    tensor_shape: z.object({
      dim: z.array(z.object({ size: length })).optional(),
      unknown_rank: z.boolean().optional(),
    }),
  }),
)
/** The signature that a request is taken for which names none. */
const tensorflow = z.object({
  metadata: z.object({
    signature_def: z.object({
      signature_def: z.object({
        serving_default: z.object({ inputs: tensorflowTensors, outputs: tensorflowTensors }),
      }),
    }),
  }),
})

/** Seldon describes arrays by their columns, other messages by their kind alone. */
const seldonMessage = z.object({
  messagetype: z.string(),
  schema: z.object({ names: z.array(z.string()).optional(), shape: z.array(length).optional() }).optional(),
})
const seldonMessages = z.array(z.union([tensor, seldonMessage])).nullish()
const seldon = z.object({ inputs: seldonMessages, outputs: seldonMessages })

/**
 * Reads the metadata that a model's server answers.
 *
 * @param document what it answered, already read from JSON
 * @returns undefined for what is no metadata of the protocol, or describes nothing
 */
export function readSignature(protocol: HttpProtocol, document: unknown): ModelSignature | undefined {
  const signature = READERS[protocol]?.(document)
  return signature === undefined || signature.inputs.length + signature.outputs.length === 0 ? undefined : signature
}

const READERS: Readonly<Partial<Record<HttpProtocol, (document: unknown) => ModelSignature | undefined>>> = {
  "open-inference-v2": (document) => {
    const { data } = openInference.safeParse(document)
    return data && { inputs: data.inputs ?? [], outputs: data.outputs ?? [] }
  },
  "tensorflow-v1": (document) => {
    const { data } = tensorflow.safeParse(document)
    if (data === undefined) return undefined
    const { inputs, outputs } = data.metadata.signature_def.signature_def.serving_default
    return { inputs: tensorflowSignature(inputs), outputs: tensorflowSignature(outputs) }
  },
  "seldon-v1": (document) => {
    const { data } = seldon.safeParse(document)
    return (
      data && { inputs: (data.inputs ?? []).map(seldonSignature), outputs: (data.outputs ?? []).map(seldonSignature) }
    )
  },
}

function tensorflowSignature(tensors: z.output<typeof tensorflowTensors>): TensorSignature[] {
  return Object.entries(tensors).map(
    ([
      name,
      {
        dtype,
        tensor_shape: { dim = [], unknown_rank: unknown },
      },
    ]) => ({
      name,
      datatype: TENSORFLOW_TYPES[dtype] ?? dtype,
      shape: unknown === true ? [-1, -1] : dim.map(({ size }) => size),
    }),
  )
}

/** The shape of an array is that of one row. */
function seldonSignature(message: z.output<typeof tensor> | z.output<typeof seldonMessage>): TensorSignature {
  if ("name" in message) return message
  const { messagetype: name, schema: { names, shape } = {} } = message
  return { name, datatype: "", shape: [-1, ...(shape ?? [-1])], ...(names === undefined ? {} : { columns: names }) }
}

/** A tensor in words: `x (FP64, [-1, 3])`. */
export function tensorText({ name, datatype, shape, columns }: TensorSignature): string {
  const parts = [datatype, columns === undefined ? `[${shape.join(", ")}]` : columns.join(", ")]
  return `${name} (${parts.filter((part) => part !== "").join(", ")})`
}

/** How many numbers a row of a tensor has; undefined where that varies. */
export function columnsOf({ shape }: TensorSignature): number | undefined {
  const rest = shape.slice(1)
  return rest.some((one) => one < 0) ? undefined : rest.reduce((product, one) => product * one, 1)
}
