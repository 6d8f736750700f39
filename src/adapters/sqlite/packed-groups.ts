import type { GroupAddition } from "../../domain/decision-facts.ts"
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
  readonly rows: readonly GroupRowKey[]
  /** `ROW_CELLS` numbers for each of `rows`. */
  readonly cells: Float64Array<ArrayBuffer>
}

export function packGroups(additions: readonly GroupAddition[]): PackedGroups {
  const index = new RowIndex()
  const places = additions.map(({ key }) => index.indexOf(key))
  const cells = new Float64Array(index.rows.length * ROW_CELLS)
  for (const [i, { key, delta }] of additions.entries()) {
    const at = (places[i] as number) * ROW_CELLS + key.group
    addTo(cells, at, delta.count)
    addTo(cells, at + UNIT_GROUPS, delta.sum)
    addTo(cells, at + 2 * UNIT_GROUPS, delta.sumSq)
    addTo(cells, at + 3 * UNIT_GROUPS, delta.weighted)
    addTo(cells, at + 4 * UNIT_GROUPS, delta.allocated)
  }
  return { rows: index.rows, cells }
}

function addTo(cells: Float64Array, at: number, value: number): void {
  if (value !== 0) cells[at] = (cells[at] as number) + value
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

function entryOf<Key, T>(entries: Map<Key, T>, key: Key, create: () => T): T {
  const known = entries.get(key)
  if (known !== undefined) return known
  const created = create()
  entries.set(key, created)
  return created
}
