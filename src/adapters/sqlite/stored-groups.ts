import type { GroupRow } from "../../domain/group-rows.ts"
import { UNIT_GROUPS } from "../../domain/unit.ts"
import type { GroupStatistics, SketchAddition } from "../../ports/counter-store.ts"
import { decodeGroups, type GroupCells } from "./group-blob.ts"

/** What rows of all times have in common. */
export type GroupName = Pick<GroupRow, "variant" | "series" | "metric">

/** Numbers in `places` for each stored row. */
export const PLACE_NUMBERS = 5

/** Group rows as they are stored: a few large pieces, which are handed over quickly where a hundred thousand objects are not. */
export interface StoredGroups {
  readonly names: readonly GroupName[]
  /** Of each stored row: the index of its name, epoch, start, width, and how many bytes it has. Parts of a row follow one another. */
  readonly places: Float64Array
  /** The bytes of all rows, one after the other. */
  readonly bytes: Uint8Array
}

export interface StoredGroupStatistics {
  readonly groups: StoredGroups
  readonly sketches: readonly SketchAddition[]
}

/** Rows are made when they are first asked for: whoever wants the sketches only doesn't wait for them. */
export function readGroups({ groups, sketches }: StoredGroupStatistics): GroupStatistics {
  let rows: readonly GroupRow[] | undefined
  return {
    get rows() {
      rows ??= groupRows(groups)
      return rows
    },
    sketches,
  }
}

/** One row for each group that has anything. */
export function groupRows({ names, places, bytes }: StoredGroups): GroupRow[] {
  const rows: GroupRow[] = []
  let parts: GroupCells[] = []
  let offset = 0
  for (let at = 0; at < places.length; at += PLACE_NUMBERS) {
    const [name = 0, epoch = 0, hour = 0, widthSeconds = 0, length = 0] = places.subarray(at, at + PLACE_NUMBERS)
    parts.push(decodeGroups(bytes.subarray(offset, offset + length)))
    offset += length
    if (isSameRow(places, at)) continue
    rows.push(...rowsOfParts({ ...(names[name] as GroupName), epoch, hour, widthSeconds }, parts))
    parts = []
  }
  return rows
}

/** Whether the next stored row is another part of this one: all is the same but its length. */
function isSameRow(places: Float64Array, at: number): boolean {
  if (at + PLACE_NUMBERS >= places.length) return false
  for (let i = at; i < at + PLACE_NUMBERS - 1; i++) if (places[i] !== places[i + PLACE_NUMBERS]) return false
  return true
}

function rowsOfParts(
  shared: Omit<GroupRow, "group" | "count" | "sum" | "sumSq" | "weighted" | "allocated">,
  parts: readonly GroupCells[],
): GroupRow[] {
  const rows: GroupRow[] = []
  for (let group = 0; group < UNIT_GROUPS; group++) {
    const sum = (field: number) =>
      parts.reduce((total, cells) => total + BigInt(cells[field * UNIT_GROUPS + group] ?? 0), 0n)
    const sums = { sum: sum(1), sumSq: sum(2), weighted: sum(3), allocated: sum(4) }
    const count = Number(sum(0))
    if (count === 0 && Object.values(sums).every((value) => value === 0n)) continue
    rows.push({ ...shared, group, count, ...sums })
  }
  return rows
}
