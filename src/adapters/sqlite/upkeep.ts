import type { DatabaseSync } from "node:sqlite"
import { type CounterCell, CounterTable } from "../../domain/counter-table.ts"
import { ROLL_UPS } from "./bucket-widths.ts"
import { ADD_TO_COUNTER, SELECT_CELLS, toCell } from "./rows.ts"
import { inTransaction } from "./schema.ts"

const LARGEST_INTEGER = 2n ** 63n - 1n

const PURGED_AT_ONCE = 5_000

/**
 * Keeps the tables small: old counters become wider, expired credits go.
 *
 * A wide bucket is made only once all of it is old enough, so that a decision doesn't become immature again. Buckets whose sums wouldn't fit
 * into 64 bits stay as they are.
 *
 * @param nowSeconds epoch seconds
 */
export function tidyUp(database: DatabaseSync, nowSeconds: number): void {
  for (const { afterSeconds, fromWidth, toWidth } of ROLL_UPS) {
    const before = Math.floor((nowSeconds - afterSeconds) / toWidth) * toWidth
    inTransaction(database, () => rollUp(database, before, fromWidth, toWidth))
  }
  database
    .prepare(
      "DELETE FROM credits WHERE (decision, metric) IN (SELECT decision, metric FROM credits WHERE expires < ? LIMIT ?)",
    )
    .run(Math.floor(nowSeconds), PURGED_AT_ONCE)
}

function rollUp(database: DatabaseSync, before: number, fromWidth: number, toWidth: number): void {
  const old = database.prepare(`${SELECT_CELLS} WHERE width = ? AND bucket < ?`)
  old.setReadBigInts(true)
  const merged = new CounterTable(toWidth)
  for (const row of old.all(fromWidth, before)) merged.addCell(toCell(row))

  const key = "experiment = ? AND metric = ? AND variant = ? AND width = ?"
  const wide = database.prepare(`${SELECT_CELLS} WHERE ${key} AND bucket = ?`)
  wide.setReadBigInts(true)
  const add = database.prepare(ADD_TO_COUNTER)
  const remove = database.prepare(`DELETE FROM counters WHERE ${key} AND bucket >= ? AND bucket < ?`)
  for (const cell of merged.cells()) {
    const there = wide.get(cell.experiment, cell.metric, cell.variant, toWidth, cell.bucket)
    if (!fits(cell, there === undefined ? undefined : toCell(there))) continue
    remove.run(cell.experiment, cell.metric, cell.variant, fromWidth, cell.bucket, cell.bucket + toWidth)
    add.run(
      cell.experiment,
      cell.metric,
      cell.variant,
      cell.bucket,
      toWidth,
      cell.decisions,
      cell.rewards,
      cell.sum,
      cell.sumSq,
    )
  }
}

/** Squares are never negative in sum and larger than the sums beside them, or both are small. */
function fits(cell: CounterCell, there: CounterCell | undefined): boolean {
  return cell.sumSq + (there?.sumSq ?? 0n) <= LARGEST_INTEGER
}
