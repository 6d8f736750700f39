import { FIELDS, ROW_CELLS } from "./packed-groups.ts"

/** Numbers of one group row, as in `PackedGroups`. */
export type GroupCells = BigInt64Array<ArrayBuffer>

const FIELD_CELLS = ROW_CELLS / FIELDS

/** The head is as long as the widest number, so that every field is aligned. */
const HEAD_BYTES = 8

const TYPES = { 1: Int8Array, 2: Int16Array, 4: Int32Array } as const

/**
 * One group row as bytes: how many bytes a number of each field takes (0, 1, 2, 4 or 8), filled up to eight bytes, then the fields in the
 * machine's byte order, wide ones first. Most sums are small or nothing, and there are many rows.
 */
export function encodeGroups(cells: GroupCells): Uint8Array {
  const sizes = Array.from({ length: FIELDS }, (_, field): Size => sizeOf(fieldOf(cells, field)))
  const bytes = new Uint8Array(HEAD_BYTES + FIELD_CELLS * sizes.reduce<number>((sum, size) => sum + size, 0))
  bytes.set(sizes)
  let offset = HEAD_BYTES
  for (const field of bySize(sizes)) {
    const size = sizes[field] as Size
    const values = fieldOf(cells, field)
    if (size === 8) new BigInt64Array(bytes.buffer, offset, FIELD_CELLS).set(values)
    else if (size !== 0) {
      const target = new TYPES[size](bytes.buffer, offset, FIELD_CELLS)
      for (let i = 0; i < FIELD_CELLS; i++) target[i] = Number(values[i])
    }
    offset += size * FIELD_CELLS
  }
  return bytes
}

/** @throws RangeError for bytes that `encodeGroups` did not make */
export function decodeGroups(stored: Uint8Array): GroupCells {
  // A copy begins at the start of its buffer, where every field is aligned.
  const { buffer } = Uint8Array.from(stored)
  const sizes = Array.from(stored.subarray(0, FIELDS), sizeNamed)
  const cells = new BigInt64Array(ROW_CELLS)
  let offset = HEAD_BYTES
  for (const field of bySize(sizes)) {
    const size = sizes[field] as Size
    const start = field * FIELD_CELLS
    if (size === 8) cells.set(new BigInt64Array(buffer, offset, FIELD_CELLS), start)
    else if (size !== 0) {
      const source = new TYPES[size](buffer, offset, FIELD_CELLS)
      for (let i = 0; i < FIELD_CELLS; i++) cells[start + i] = BigInt(source[i] as number)
    }
    offset += size * FIELD_CELLS
  }
  return cells
}

type Size = 0 | 1 | 2 | 4 | 8

function sizeNamed(size: number): Size {
  if (size === 0 || size === 1 || size === 2 || size === 4 || size === 8) return size
  throw new RangeError(`[sqlite] a group row has numbers of ${size} bytes`)
}

function fieldOf(cells: GroupCells, field: number): GroupCells {
  return cells.subarray(field * FIELD_CELLS, (field + 1) * FIELD_CELLS)
}

/** The fewest bytes that hold every value. */
function sizeOf(values: GroupCells): Size {
  let least = 0n
  let greatest = 0n
  for (const value of values) {
    if (value < least) least = value
    if (value > greatest) greatest = value
  }
  // As far from zero as the greatest is: -1 needs the room of 0.
  const reach = -least - 1n > greatest ? -least - 1n : greatest
  if (least === 0n && greatest === 0n) return 0
  if (reach < 0x80n) return 1
  if (reach < 0x8000n) return 2
  return reach < 0x80000000n ? 4 : 8
}

/** Fields with wide numbers first. */
function bySize(sizes: readonly Size[]): number[] {
  return [...sizes.keys()].toSorted((a, b) => (sizes[b] as number) - (sizes[a] as number))
}
