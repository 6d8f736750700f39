import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite"
import { daysBefore, groupSpanAt, hoursBefore } from "../../domain/bucket-widths.ts"
import type { GroupRow } from "../../domain/group-rows.ts"
import { UNIT_GROUPS } from "../../domain/unit.ts"
import type { CounterNames } from "./counter-names.ts"
import { decodeGroups, encodeGroups, type GroupCells } from "./group-blob.ts"
import { type GroupRowKey, type PackedGroups, ROW_CELLS } from "./packed-groups.ts"
import { type GroupName, groupRows, PLACE_NUMBERS, type StoredGroups } from "./stored-groups.ts"

const HOUR = 3_600
const DAY = 86_400
const MOST = BigInt(Number.MAX_SAFE_INTEGER)

type Row = Record<string, SQLOutputValue>

interface RowPlace {
  readonly name: number
  readonly epoch: number
  readonly width: number
  readonly start: number
}

/**
 * Group rows in their table: the 64 groups of one name, epoch and hour together, since a fold touches most of them.
 *
 * Rows of different epochs are never merged. A row whose sums would pass 2^53 goes on in its next `part`: plain numbers are exact up to
 * there, and quick.
 */
export class GroupStore {
  readonly #names: CounterNames
  readonly #last: StatementSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #old: StatementSync
  readonly #of: StatementSync
  readonly #experiments: StatementSync

  constructor(database: DatabaseSync, names: CounterNames) {
    this.#names = names
    const place = "name = ? AND epoch = ? AND width = ? AND start = ? AND part = ?"
    this.#last = database.prepare(`
      SELECT part, cells FROM group_rows WHERE name = ? AND epoch = ? AND width = ? AND start = ? ORDER BY part DESC LIMIT 1`)
    this.#put = database.prepare(`
      INSERT INTO group_rows (name, epoch, width, start, part, cells) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET cells = excluded.cells`)
    this.#remove = database.prepare(`DELETE FROM group_rows WHERE ${place}`)
    this.#old = database.prepare(
      "SELECT name, epoch, width, start, part, cells FROM group_rows WHERE width = ? AND start < ? LIMIT ?",
    )
    this.#of = database.prepare(`
      SELECT variant, series, metric, epoch, width, start, cells
      FROM group_rows JOIN counter_names ON counter_names.id = group_rows.name
      WHERE experiment = ? ORDER BY start, group_rows.name, epoch, width`)
    this.#experiments = database.prepare("SELECT DISTINCT experiment FROM counter_names ORDER BY experiment")
  }

  addPacked(experiment: string, { rows, cells }: PackedGroups, nowSeconds: number): void {
    for (const [index, row] of rows.entries()) {
      this.add(experiment, row, cells.subarray(index * ROW_CELLS, (index + 1) * ROW_CELLS), nowSeconds)
    }
  }

  /** @param deltas `ROW_CELLS` whole numbers */
  add(experiment: string, key: GroupRowKey, deltas: Float64Array, nowSeconds: number): void {
    const { variant, series, metric, epoch, hour } = key
    const name = this.#names.idOf({ experiment, cohort: "learned", variant, series, metric })
    this.#addAt({ name, epoch, ...groupSpanAt(hour, nowSeconds) }, deltas)
  }

  /** Adds rows as a store holds them, whose sums may pass 2^53: the groups of one row together, in as many additions as it takes. */
  addRows(experiment: string, rows: readonly GroupRow[], nowSeconds: number): void {
    const together = Map.groupBy(rows, ({ variant, series, metric, epoch, hour }) =>
      [variant, series, metric, epoch, hour].join("\n"),
    )
    for (const groups of together.values()) {
      let left = Array.from({ length: ROW_CELLS }, () => 0n)
      for (const { group, count, sum, sumSq, weighted, allocated } of groups) {
        for (const [field, value] of [BigInt(count), sum, sumSq, weighted, allocated].entries()) {
          const at = field * UNIT_GROUPS + group
          left[at] = (left[at] ?? 0n) + value
        }
      }
      while (left.some((value) => value !== 0n)) {
        const parts = left.map((value) => (value > MOST ? MOST : value < -MOST ? -MOST : value))
        left = left.map((value, at) => value - (parts[at] ?? 0n))
        this.add(experiment, groups[0] as GroupRow, Float64Array.from(parts, Number), nowSeconds)
      }
    }
  }

  /**
   * Makes days of hours, and months of days, that are old enough.
   *
   * @returns whether there may be more than the `limit` of each that were moved
   */
  widen(nowSeconds: number, limit: number): boolean {
    const hours = this.#old.all(HOUR, hoursBefore(nowSeconds), limit)
    const days = this.#old.all(DAY, daysBefore(nowSeconds), limit)
    for (const row of [...hours, ...days]) {
      const { name, epoch, width, start } = placeOf(row)
      this.#remove.run(name, epoch, width, start, Number(row["part"]))
      this.#addAt({ name, epoch, ...groupSpanAt(start, nowSeconds) }, decodeGroups(bytesOf(row)))
    }
    return hours.length === limit || days.length === limit
  }

  of(experiment: string): StoredGroups {
    const rows = this.#of.all(experiment)
    const names: GroupName[] = []
    const indexes = new Map<string, number>()
    const indexOf = (row: Row): number => {
      const name = { variant: String(row["variant"]), series: Number(row["series"]), metric: String(row["metric"]) }
      const text = `${name.variant}\n${name.series}\n${name.metric}`
      const index = indexes.get(text) ?? names.push(name) - 1
      indexes.set(text, index)
      return index
    }
    const places = new Float64Array(rows.length * PLACE_NUMBERS)
    const bytes = new Uint8Array(rows.reduce((sum, row) => sum + bytesOf(row).length, 0))
    let offset = 0
    for (const [index, row] of rows.entries()) {
      const cells = bytesOf(row)
      const { epoch, start, width } = row
      places.set([indexOf(row), Number(epoch), Number(start), Number(width), cells.length], index * PLACE_NUMBERS)
      bytes.set(cells, offset)
      offset += cells.length
    }
    return { names, places, bytes }
  }

  all(): (GroupRow & { readonly experiment: string })[] {
    return [...this.each()]
  }

  /** All of them, with no more than one experiment's in memory at a time. */
  *each(): Generator<GroupRow & { readonly experiment: string }, void, undefined> {
    for (const row of this.#experiments.all()) {
      const experiment = String(row["experiment"])
      for (const group of groupRows(this.of(experiment))) yield { experiment, ...group }
    }
  }

  #addAt({ name, epoch, width, start }: RowPlace, deltas: GroupCells): void {
    if (!deltas.every(Number.isSafeInteger))
      throw new RangeError("[sqlite] a group addition has numbers that are not whole")
    const last = this.#last.get(name, epoch, width, start)
    const part = Number(last?.["part"] ?? 0)
    const sums = last === undefined ? deltas : sumOf(decodeGroups(bytesOf(last)), deltas)
    if (sums === undefined) this.#put.run(name, epoch, width, start, part + 1, encodeGroups(deltas))
    else this.#put.run(name, epoch, width, start, part, encodeGroups(sums))
  }
}

/** Undefined where a sum is no longer exact. */
function sumOf(cells: GroupCells, deltas: GroupCells): GroupCells | undefined {
  for (let i = 0; i < ROW_CELLS; i++) {
    const sum = (cells[i] as number) + (deltas[i] as number)
    if (!Number.isSafeInteger(sum)) return undefined
    cells[i] = sum
  }
  return cells
}

function placeOf(row: Row): RowPlace {
  return {
    name: Number(row["name"]),
    epoch: Number(row["epoch"]),
    width: Number(row["width"]),
    start: Number(row["start"]),
  }
}

function bytesOf(row: Row): Uint8Array {
  const cells = row["cells"]
  if (!(cells instanceof Uint8Array)) throw new TypeError("[sqlite] a group row is not bytes")
  return cells
}
