/** A well-formed artifact of eight buckets, for tests that then spoil one part of it. */
export const TINY_MODEL = {
  kind: "hashed-logistic",
  name: "tiny",
  version: "1",
  buckets: 8,
  weights: "weights.bin",
  tokens: "raw",
  fields: [{ name: "a" }, { name: "b" }, { name: "when", from: "hour", as: "datetime" }],
} as const

export interface WeightsParts {
  readonly magic?: string
  readonly version?: number
  readonly buckets?: number
  readonly intercept?: number
  readonly indices?: readonly number[]
  readonly coefficients?: readonly number[]
}

export function weightsBytes(parts: WeightsParts = {}): Uint8Array {
  const indices = parts.indices ?? [1, 2, 5]
  const coefficients = parts.coefficients ?? [0.5, -1.25, 2]
  const bytes = new Uint8Array(24 + indices.length * 4 + coefficients.length * 8)
  const view = new DataView(bytes.buffer)
  bytes.set(new TextEncoder().encode(parts.magic ?? "CTRW"))
  view.setUint32(4, parts.version ?? 1, true)
  view.setUint32(8, parts.buckets ?? 8, true)
  view.setUint32(12, indices.length, true)
  view.setFloat64(16, parts.intercept ?? -1, true)
  for (const [i, index] of indices.entries()) view.setUint32(24 + i * 4, index, true)
  for (const [i, value] of coefficients.entries()) view.setFloat64(24 + indices.length * 4 + i * 8, value, true)
  return bytes
}
