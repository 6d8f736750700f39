import type { GroupAddition } from "../../domain/decision-facts.ts"
import { entryOf } from "../../domain/entry-of.ts"
import { UNIT_GROUPS } from "../../domain/unit.ts"

/** Numbers of one unit group in a row: count, sum, sum of squares, weighted sum, sum of allocated probability. */
export const FIELDS = 5

/** Numbers of one row: each field's 64 groups together, in the order of `FIELDS`. */
export const ROW_CELLS = FIELDS * UNIT_GROUPS

/** What the group additions of one row have in common. */
export interface GroupRowKey {
  readonly variant: string
  readonly series: number
  readonly metric: string
  readonly epoch: number
  readonly hour: number
}

/** Group additions as numbers: thousands of objects would take longer to hand to the thread than to fold. */
export interface PackedGroups {
  /** A row may be there more than once. */
  readonly rows: readonly GroupRowKey[]
  /** `ROW_CELLS` numbers for each of `rows`. */
  readonly cells: Float64Array<ArrayBuffer>
}

export function packGroups(additions: readonly GroupAddition[]): PackedGroups {
  const index = new RowIndex()
  const places = additions.map(({ key }) => index.indexOf(key))
  const cells = new Float64Array(index.rows.length * ROW_CELLS)
  let exact = true
  const addTo = (at: number, value: number): void => {
    if (value === 0) return
    const sum = (cells[at] as number) + value
    if (!Number.isSafeInteger(sum)) exact = false
    cells[at] = sum
  }
  for (const [i, { key, delta }] of additions.entries()) {
    const at = (places[i] as number) * ROW_CELLS + key.group
    addTo(at, delta.count)
    addTo(at + UNIT_GROUPS, delta.sum)
    addTo(at + 2 * UNIT_GROUPS, delta.sumSq)
    addTo(at + 3 * UNIT_GROUPS, delta.weighted)
    addTo(at + 4 * UNIT_GROUPS, delta.allocated)
  }
  return exact || additions.length === 1 ? { rows: index.rows, cells } : packedApart(additions)
}

/** Sums beyond 2^53 would lose their last digits: the halves then have rows of their own, as often as it takes. */
function packedApart(additions: readonly GroupAddition[]): PackedGroups {
  const middle = additions.length >> 1
  const halves = [packGroups(additions.slice(0, middle)), packGroups(additions.slice(middle))]
  const rows = halves.flatMap((half) => half.rows)
  const cells = new Float64Array(rows.length * ROW_CELLS)
  let at = 0
  for (const half of halves) {
    cells.set(half.cells, at)
    at += half.cells.length
  }
  return { rows, cells }
}

/** Numbers rows in the order in which they are first met. By nested maps: a text made for every addition would cost more than all else. */
class RowIndex {
  readonly rows: GroupRowKey[] = []
  readonly #places = new Map<string, Map<string, Map<number, number[]>>>()

  indexOf({ variant, series, metric, epoch, hour }: GroupRowKey): number {
    const byMetric = entryOf(this.#places, variant, () => new Map<string, Map<number, number[]>>())
    const byHour = entryOf(byMetric, metric, () => new Map<number, number[]>())
    const alike = entryOf(byHour, hour, (): number[] => [])
    const known = alike.find((index) => this.rows[index]?.series === series && this.rows[index]?.epoch === epoch)
    if (known !== undefined) return known
    this.rows.push({ variant, series, metric, epoch, hour })
    alike.push(this.rows.length - 1)
    return this.rows.length - 1
  }
}
