import type { Datatype } from "../../domain/backends/datatypes.ts"
import { GatewayError, type InputError } from "../../domain/errors.ts"
import type { InferInput, InferRequest } from "../contract/dialects/inference-body.ts"
import { type FeatureValues, readFeatures } from "../contract/features.ts"
import { MAX_INSTANCES, refuse } from "../contract/predict-body.ts"

type Element = string | number | boolean

/** How wide an element is in bytes, and how it is read at an offset. BYTES have a length of their own. */
const BINARY: Readonly<
  Record<Exclude<Datatype, "BYTES">, readonly [size: number, read: (view: DataView, at: number) => number | boolean]>
> = {
  BOOL: [1, (view, at) => view.getUint8(at) !== 0],
  UINT8: [1, (view, at) => view.getUint8(at)],
  UINT16: [2, (view, at) => view.getUint16(at, true)],
  UINT32: [4, (view, at) => view.getUint32(at, true)],
  UINT64: [8, (view, at) => Number(view.getBigUint64(at, true))],
  INT8: [1, (view, at) => view.getInt8(at)],
  INT16: [2, (view, at) => view.getInt16(at, true)],
  INT32: [4, (view, at) => view.getInt32(at, true)],
  INT64: [8, (view, at) => Number(view.getBigInt64(at, true))],
  FP16: [2, (view, at) => view.getFloat16(at, true)],
  FP32: [4, (view, at) => view.getFloat32(at, true)],
  FP64: [8, (view, at) => view.getFloat64(at, true)],
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/**
 * One feature object per row of a request's tensors.
 *
 * @param binary what follows the JSON: the elements of those inputs that say so, in order, little endian, row by row
 * @throws GatewayError `validation_failed` with a pointer per mistake
 */
export function readRows({ inputs }: InferRequest, binary: Uint8Array): FeatureValues[] {
  const errors: InputError[] = []
  const count = inputs[0]?.shape[0] ?? 0
  const names = inputs.map(({ name }) => name)
  let from = 0
  const columns = inputs.map((input, index) => {
    const at = `/inputs/${index}`
    const [rows, width = 1] = input.shape
    if (rows !== count || width !== 1 || count < 1 || count > MAX_INSTANCES) {
      const detail = `must be [n] or [n, 1], n from 1 to ${MAX_INSTANCES} and the same for every input`
      errors.push({ pointer: `${at}/shape`, detail })
      return []
    }
    if (names.indexOf(input.name) < index) errors.push({ pointer: `${at}/name`, detail: "is given twice" })
    const size = input.parameters?.binary_data_size
    if (size === undefined) return readElements(input, count, at, errors)
    const bytes = binary.subarray(from, from + size)
    from += size
    return readBinary(input.datatype, bytes, count, at, errors)
  })
  if (from !== binary.length) {
    errors.push({ pointer: "/inputs", detail: "must have as many bytes behind the JSON as their binary_data_size say" })
  }
  refuse(errors)
  const rows = Array.from({ length: count }, (_, row) => {
    const entries = columns.map((column, index) => [names[index] as string, column[row] as Element] as const)
    return readFeatures(Object.fromEntries(entries), "/inputs", errors)
  })
  refuse(errors)
  return rows
}

function readElements({ datatype, data }: InferInput, count: number, at: string, errors: InputError[]): Element[] {
  const elements = data?.flat(1) ?? []
  const fits = elements.length === count && elements.every((element) => isOf(datatype, element))
  if (fits) return elements as Element[]
  errors.push({ pointer: `${at}/data`, detail: `must be ${count} elements of ${datatype}, as the shape says` })
  return []
}

function isOf(datatype: Datatype, element: unknown): boolean {
  if (datatype === "BYTES") return typeof element === "string"
  if (datatype === "BOOL") return typeof element === "boolean"
  return datatype.startsWith("FP") ? typeof element === "number" : Number.isInteger(element)
}

function readBinary(datatype: Datatype, bytes: Uint8Array, count: number, at: string, errors: InputError[]): Element[] {
  const elements = datatype === "BYTES" ? readTexts(bytes) : readNumbers(BINARY[datatype], bytes)
  if (elements?.length === count) return elements
  const detail = `must be the size of ${count} elements of ${datatype}${datatype === "BYTES" ? ", each text in UTF-8 behind its length in four bytes" : ""}`
  errors.push({ pointer: `${at}/parameters/binary_data_size`, detail })
  return []
}

function readNumbers([size, read]: (typeof BINARY)[keyof typeof BINARY], bytes: Uint8Array): Element[] | undefined {
  if (bytes.length % size !== 0) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length / size }, (_, index) => read(view, index * size))
}

/** Each text behind its length; undefined where they aren't. */
function readTexts(bytes: Uint8Array): string[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const texts: string[] = []
  let at = 0
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return undefined
    const end = at + 4 + view.getUint32(at, true)
    if (end > bytes.length) return undefined
    try {
      texts.push(decoder.decode(bytes.subarray(at + 4, end)))
    } catch (error) {
      if (error instanceof TypeError) return undefined
      throw error
    }
    at = end
  }
  return texts
}

/** Numbers as the bytes of an FP64 tensor. */
export function fp64Bytes(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(8 * numbers.length)
  const view = new DataView(bytes.buffer)
  for (const [index, number] of numbers.entries()) view.setFloat64(8 * index, number, true)
  return bytes
}

/** A body's JSON and the bytes behind it. @param jsonLength as the header says; undefined: all of it is JSON @throws GatewayError `bad_request` */
export function splitBody(
  bytes: Uint8Array,
  jsonLength: string | undefined,
): readonly [json: Uint8Array, rest: Uint8Array] {
  if (jsonLength === undefined) return [bytes, new Uint8Array(0)]
  const length = /^\d{1,9}$/.test(jsonLength) ? Number(jsonLength) : Number.NaN
  if (length <= bytes.length) return [bytes.subarray(0, length), bytes.subarray(length)]
  throw new GatewayError("bad_request", {
    detail: "Inference-Header-Content-Length must be the number of bytes of the JSON at the body's beginning.",
  })
}
