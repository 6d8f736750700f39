import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite"
import type { GroupRow } from "../../domain/group-rows.ts"
import { UNIT_GROUPS } from "../../domain/unit.ts"
import { daysBefore, groupSpanAt, hoursBefore } from "./bucket-widths.ts"
import type { CounterNames } from "./counter-names.ts"
import { decodeGroups, encodeGroups, type GroupCells } from "./group-blob.ts"
import { FIELDS, type GroupRowKey, type PackedGroups, ROW_CELLS } from "./packed-groups.ts"

const HOUR = 3_600
const DAY = 86_400

/** The widest sum that a row can hold. */
const LARGEST = 2n ** 63n - 1n
const LEAST = -(2n ** 63n)

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
 * Rows of different epochs are never merged. A row whose sums pass 64 bits goes on in its next `part`.
 */
export class GroupStore {
  readonly #names: CounterNames
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #old: StatementSync
  readonly #of: StatementSync
  readonly #all: StatementSync

  constructor(database: DatabaseSync, names: CounterNames) {
    this.#names = names
    const place = "name = ? AND epoch = ? AND width = ? AND start = ? AND part = ?"
    this.#get = database.prepare(`SELECT cells FROM group_rows WHERE ${place}`)
    this.#put = database.prepare(`
      INSERT INTO group_rows (name, epoch, width, start, part, cells) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET cells = excluded.cells`)
    this.#remove = database.prepare(`DELETE FROM group_rows WHERE ${place}`)
    this.#old = database.prepare(
      "SELECT name, epoch, width, start, part, cells FROM group_rows WHERE width = ? AND start < ? LIMIT ?",
    )
    const named = `SELECT experiment, variant, series, metric, epoch, width, start, cells
      FROM group_rows JOIN counter_names ON counter_names.id = group_rows.name`
    this.#of = database.prepare(`${named} WHERE experiment = ? ORDER BY start, group_rows.name`)
    this.#all = database.prepare(`${named} ORDER BY start, group_rows.name`)
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
    this.#addAt({ name, epoch, ...groupSpanAt(hour, nowSeconds) }, BigInt64Array.from(deltas, BigInt))
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
    return this.#of.all(experiment).flatMap(groupRows)
  }

  all(): (GroupRow & { readonly experiment: string })[] {
    return this.#all.all().flatMap((row) => {
      const experiment = String(row["experiment"])
      return groupRows(row).map((group) => ({ experiment, ...group }))
    })
  }

  #addAt({ name, epoch, width, start }: RowPlace, deltas: GroupCells): void {
    for (let part = 0; ; part++) {
      const known = this.#get.get(name, epoch, width, start, part)
      const sums = known === undefined ? deltas : sumOf(decodeGroups(bytesOf(known)), deltas)
      if (sums === undefined) continue
      this.#put.run(name, epoch, width, start, part, encodeGroups(sums))
      return
    }
  }
}

/** Undefined where a sum passes 64 bits. */
function sumOf(cells: GroupCells, deltas: GroupCells): GroupCells | undefined {
  for (let i = 0; i < ROW_CELLS; i++) {
    const delta = deltas[i] as bigint
    if (delta === 0n) continue
    const sum = (cells[i] as bigint) + delta
    if (sum > LARGEST || sum < LEAST) return undefined
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

/** One row for each group that has anything. */
function groupRows(row: Row): GroupRow[] {
  const cells = decodeGroups(bytesOf(row))
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
    const [count = 0n, sum = 0n, sumSq = 0n, weighted = 0n, allocated = 0n] = Array.from(
      { length: FIELDS },
      (_, field) => cells[field * UNIT_GROUPS + group] as bigint,
    )
    if (count === 0n && sum === 0n && sumSq === 0n && weighted === 0n && allocated === 0n) continue
    rows.push({ ...shared, group, count: Number(count), sum, sumSq, weighted, allocated })
  }
  return rows
}
