import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite"
import type { GroupRow } from "../../domain/group-rows.ts"
import { UNIT_GROUPS } from "../../domain/unit.ts"
import { daysBefore, groupSpanAt, hoursBefore } from "./bucket-widths.ts"
import type { CounterNames } from "./counter-names.ts"
import { decodeGroups, encodeGroups, type GroupCells } from "./group-blob.ts"
import { type GroupRowKey, type PackedGroups, ROW_CELLS } from "./packed-groups.ts"

const HOUR = 3_600
const DAY = 86_400

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
  readonly #all: StatementSync

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
    const named = `SELECT experiment, variant, series, metric, epoch, width, start, cells
      FROM group_rows JOIN counter_names ON counter_names.id = group_rows.name`
    this.#of = database.prepare(`${named} WHERE experiment = ? ORDER BY start, group_rows.name, epoch, width`)
    this.#all = database.prepare(`${named} ORDER BY start, group_rows.name, epoch, width`)
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

  rows(experiment: string): GroupRow[] {
    return groupRows(this.#of.all(experiment)).flatMap(({ rows }) => rows)
  }

  all(): (GroupRow & { readonly experiment: string })[] {
    return groupRows(this.#all.all()).flatMap(({ experiment, rows }) => rows.map((row) => ({ experiment, ...row })))
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

interface ExperimentRows {
  readonly experiment: string
  readonly rows: readonly GroupRow[]
}

/**
 * One row for each group that has anything.
 *
 * @param stored parts of a row follow one another
 */
function groupRows(stored: readonly Row[]): ExperimentRows[] {
  const rows: ExperimentRows[] = []
  let parts: GroupCells[] = []
  for (const [index, row] of stored.entries()) {
    parts.push(decodeGroups(bytesOf(row)))
    const next = stored[index + 1]
    if (next !== undefined && KEY_COLUMNS.every((column) => row[column] === next[column])) continue
    rows.push({ experiment: String(row["experiment"]), rows: rowsOfParts(row, parts) })
    parts = []
  }
  return rows
}

const KEY_COLUMNS = ["start", "width", "epoch", "metric", "series", "variant", "experiment"]

function rowsOfParts(row: Row, parts: readonly GroupCells[]): GroupRow[] {
  const shared = {
    variant: String(row["variant"]),
    series: Number(row["series"]),
    metric: String(row["metric"]),
    epoch: Number(row["epoch"]),
    hour: Number(row["start"]),
    widthSeconds: Number(row["width"]),
  }
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
