import type { SQLOutputValue } from "node:sqlite"
import type { CounterCell } from "../../domain/counter-table.ts"
import type { CounterRow } from "../../domain/statistics.ts"

type Row = Record<string, SQLOutputValue>

export const SELECT_CELLS =
  "SELECT experiment, metric, variant, bucket, width, decisions, rewards, sum, sum_sq FROM counters"

/** Parameters in the order of `SELECT_CELLS`. Sums must be bound as big integers: a plain number is bound as floating point. */
export const ADD_TO_COUNTER = `
  INSERT INTO counters (experiment, metric, variant, bucket, width, decisions, rewards, sum, sum_sq)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET decisions = decisions + excluded.decisions, rewards = rewards + excluded.rewards,
    sum = sum + excluded.sum, sum_sq = sum_sq + excluded.sum_sq`

/** A row of `SELECT_CELLS`, read with big integers. */
export function toCell(row: Row): CounterCell {
  return {
    experiment: String(row["experiment"]),
    variant: String(row["variant"]),
    metric: String(row["metric"]),
    bucket: Number(row["bucket"]),
    widthSeconds: Number(row["width"]),
    decisions: Number(row["decisions"]),
    rewards: Number(row["rewards"]),
    sum: integer(row["sum"]),
    sumSq: integer(row["sum_sq"]),
  }
}

/**
 * Rows of one experiment and metric as plain numbers, for statistics. Sums are read as floating point, where an integer beyond 2^53 would
 * throw.
 */
export const SELECT_ROWS = `
  SELECT variant, bucket, width AS widthSeconds, decisions, rewards, CAST(sum AS REAL) AS sum, CAST(sum_sq AS REAL) AS sumSq
  FROM counters WHERE experiment = ? AND metric = ?`

export function toCounterRow(row: Row): CounterRow {
  const { variant, bucket, widthSeconds, decisions, rewards, sum, sumSq } = row
  return {
    variant: String(variant),
    bucket: Number(bucket),
    widthSeconds: Number(widthSeconds),
    decisions: Number(decisions),
    rewards: Number(rewards),
    sum: Number(sum),
    sumSq: Number(sumSq),
  }
}

function integer(value: SQLOutputValue | undefined): bigint {
  if (typeof value !== "bigint") throw new TypeError("[sqlite] a counter is not an integer")
  return value
}
