import { FIELDS, ROW_CELLS } from "./packed-groups.ts"

/** Numbers of one group row, as in `PackedGroups`: whole, and within ± 2^53. */
export type GroupCells = Float64Array

const FIELD_CELLS = ROW_CELLS / FIELDS

/** The head is as long as the widest number, so that every field is aligned. */
const HEAD_BYTES = 8

const TYPES = { 1: Int8Array, 2: Int16Array, 4: Int32Array, 8: Float64Array } as const

type Size = 0 | keyof typeof TYPES

/**
 * One group row as bytes: how many bytes a number of each field takes (0, 1, 2 or 4 as an integer, 8 as a double), filled up to eight bytes,
 * then the fields in the machine's byte order, wide ones first. Most sums are small or nothing, and there are many rows.
 */
export function encodeGroups(cells: GroupCells): Uint8Array {
  const sizes = Array.from({ length: FIELDS }, (_, field): Size => sizeOf(fieldOf(cells, field)))
  const bytes = new Uint8Array(HEAD_BYTES + FIELD_CELLS * sizes.reduce<number>((sum, size) => sum + size, 0))
  bytes.set(sizes)
  let offset = HEAD_BYTES
  for (const field of bySize(sizes)) {
    const size = sizes[field] ?? 0
    if (size !== 0) new TYPES[size](bytes.buffer, offset, FIELD_CELLS).set(fieldOf(cells, field))
    offset += size * FIELD_CELLS
  }
  return bytes
}

/** @throws RangeError for bytes that `encodeGroups` did not make */
export function decodeGroups(stored: Uint8Array): GroupCells {
  // A copy begins at the start of its buffer, where every field is aligned.
  const { buffer } = stored.slice()
  const sizes = Array.from(stored.subarray(0, FIELDS), sizeNamed)
  const cells = new Float64Array(ROW_CELLS)
  let offset = HEAD_BYTES
  for (const field of bySize(sizes)) {
    const size = sizes[field] ?? 0
    if (size !== 0) cells.set(new TYPES[size](buffer, offset, FIELD_CELLS), field * FIELD_CELLS)
    offset += size * FIELD_CELLS
  }
  return cells
}

function sizeNamed(size: number): Size {
  if (size === 0 || size === 1 || size === 2 || size === 4 || size === 8) return size
  throw new RangeError(`[sqlite] a group row has numbers of ${size} bytes`)
}

function fieldOf(cells: GroupCells, field: number): GroupCells {
  return cells.subarray(field * FIELD_CELLS, (field + 1) * FIELD_CELLS)
}

/** The fewest bytes that hold every value. */
function sizeOf(values: GroupCells): Size {
  let least = 0
  let greatest = 0
  for (const value of values) {
    if (value < least) least = value
    if (value > greatest) greatest = value
  }
  // As far from zero as the greatest is: -1 needs the room of 0.
  const reach = Math.max(-least - 1, greatest)
  if (least === 0 && greatest === 0) return 0
  if (reach < 0x80) return 1
  if (reach < 0x8000) return 2
  return reach < 0x80000000 ? 4 : 8
}

/** Fields with wide numbers first. */
function bySize(sizes: readonly Size[]): number[] {
  return [...sizes.keys()].toSorted((a, b) => (sizes[b] ?? 0) - (sizes[a] ?? 0))
}
