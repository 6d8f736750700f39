import { invalidArtifact } from "./invalid-artifact.ts"

const HEADER_BYTES = 24
const FORMAT_VERSION = 1
/** Above this many buckets (16 MB of coefficients) a table of all of them is worth less than its memory. */
const MOST_DENSE_BUCKETS = 2 ** 21
/** Far above any trained coefficient, and far enough below the largest double for a sum of 256 to stay finite. */
const LARGEST_COEFFICIENT = 1e100
const COEFFICIENT_RULE = `not a number between -${LARGEST_COEFFICIENT} and ${LARGEST_COEFFICIENT}`

/** What a weights file holds, as plain data: with shared memory below it, any thread can read the same. */
export interface WeightTable {
  readonly buckets: number
  readonly intercept: number
  /** Buckets that have a coefficient, ascending; undefined where `coefficients` has one for every bucket. */
  readonly indices: Uint32Array | undefined
  readonly coefficients: Float64Array
}

/** The coefficients of a table, to be looked up. */
export interface Weights extends Pick<WeightTable, "buckets" | "intercept"> {
  readonly table: WeightTable
  /** The coefficient of a bucket, 0 where the file has none. `bucket` is an integer in [0, buckets). */
  readonly coefficientOf: (bucket: number) => number
}

/** Where a table's numbers go: memory of so many bytes. */
export type Allocate = (bytes: number) => ArrayBufferLike

const ownMemory: Allocate = (bytes) => new ArrayBuffer(bytes)

/**
 * Reads a weights file: little endian, magic `CTRW`, u32 version 1, u32 buckets, u32 nnz, f64 intercept, u32[nnz] ascending bucket
 * indices, f64[nnz] coefficients. The bytes may begin anywhere in their buffer.
 *
 * @param model its name, for the error
 * @param allocate Default: memory of this thread
 * @throws GatewayError `config_invalid` on anything else, trailing bytes included
 */
export function readWeights(bytes: Uint8Array, model: string, allocate: Allocate = ownMemory): Weights {
  const invalid = (detail: string) => invalidArtifact(`the weights of model ${model} ${detail}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < HEADER_BYTES) {
    throw invalid(`have ${bytes.length} bytes; their header alone has ${HEADER_BYTES}`)
  }
  if (view.getUint32(0, false) !== 0x43545257) throw invalid("don't begin with CTRW")
  const version = view.getUint32(4, true)
  if (version !== FORMAT_VERSION) {
    throw invalid(`have format version ${version}; this gateway reads ${FORMAT_VERSION}`)
  }
  const buckets = view.getUint32(8, true)
  const count = view.getUint32(12, true)
  const expectedBytes = HEADER_BYTES + count * 12
  if (bytes.length !== expectedBytes) {
    throw invalid(`have ${bytes.length} bytes; ${count} coefficients make ${expectedBytes}`)
  }
  const dense = buckets <= MOST_DENSE_BUCKETS
  const indices = new Uint32Array(allocate(dense ? 0 : 4 * count))
  const coefficients = new Float64Array(allocate(8 * (dense ? buckets : count)))
  let previous = -1
  for (let i = 0; i < count; i++) {
    const index = view.getUint32(HEADER_BYTES + i * 4, true)
    if (index <= previous) throw invalid(`have a bucket index at ${i} that is not above the one before it`)
    if (index >= buckets) throw invalid(`have the bucket index ${index} at ${i}, not below ${buckets}`)
    previous = index
    const coefficient = view.getFloat64(HEADER_BYTES + count * 4 + i * 8, true)
    if (!isUsable(coefficient)) throw invalid(`have the coefficient ${coefficient} at ${i}, ${COEFFICIENT_RULE}`)
    if (dense) coefficients[index] = coefficient
    else {
      indices[i] = index
      coefficients[i] = coefficient
    }
  }
  const intercept = view.getFloat64(16, true)
  if (!isUsable(intercept)) throw invalid(`have the intercept ${intercept}, ${COEFFICIENT_RULE}`)
  return weightsOf({ buckets, intercept, indices: dense ? undefined : indices, coefficients })
}

export function weightsOf(table: WeightTable): Weights {
  const { buckets, intercept, indices, coefficients } = table
  return {
    table,
    buckets,
    intercept,
    coefficientOf: indices === undefined ? (bucket) => coefficients[bucket] ?? 0 : sortedLookup(indices, coefficients),
  }
}

/** False for NaN as well. */
function isUsable(coefficient: number): boolean {
  return Math.abs(coefficient) <= LARGEST_COEFFICIENT
}

function sortedLookup(indices: Uint32Array, coefficients: Float64Array): (bucket: number) => number {
  return (bucket) => {
    let low = 0
    let high = indices.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((indices[middle] ?? 0) < bucket) low = middle + 1
      else high = middle
    }
    return indices[low] === bucket ? (coefficients[low] ?? 0) : 0
  }
}
