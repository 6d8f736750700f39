import type { Aggregation } from "../../domain/events.ts"
import { quoted } from "./duckdb.ts"

/** A decision is drawn where chance had a part in it. */
export const DRAWN = `kind = 'decision' AND reason IN ('policy', 'burn_in')`

/**
 * Every unit's first drawn decision, and every drawn decision of those drawn by request, once however often it was logged: a part of them, by the
 * hash of their owners, so that a part fits into memory.
 */
export function firstDecisions(part: number, parts: number): string {
  return `SELECT decision, ms, bucket, revision, series, variant, allocation, segment, cell
FROM events WHERE ${DRAWN} AND owner % ${parts} = ${part}
QUALIFY row_number() OVER (PARTITION BY owner ORDER BY ms, decision) = 1`
}

/**
 * The table `rewards`: what each decision's rewards of a metric add up to, as `creditStep` has it. Of one event id the earliest stands. Under `first`
 * the earliest of all counts, and a zero gives way to what isn't zero.
 */
export function creditedRewards(metric: string, aggregation: Aggregation, bound: number, arrivals: boolean): string {
  const order = "ORDER BY ms, reward_id, amount"
  const values: Readonly<Record<Aggregation, string>> = {
    first: "any_value(earliest)",
    last: `last(amount ${order})`,
    max: "max(amount)",
    sum: `greatest(-${bound}, least(${bound}, sum(amount)))`,
  }
  const each = arrivals
    ? `list(CAST(ms AS DOUBLE) ${order}) AS arrival_ms, list(amount ${order}) AS arrival_amounts`
    : "NULL AS arrival_ms, NULL AS arrival_amounts"
  const own = `FROM events WHERE kind = 'reward' AND metric = ${quoted(metric)}`
  return `CREATE TABLE rewards AS
SELECT decision, ${values[aggregation]} AS reward, ${each}
FROM (SELECT decision, reward_id, min(ms) AS ms, first(amount ORDER BY ms, amount) AS amount ${own} GROUP BY decision, reward_id)
JOIN (SELECT decision, coalesce(first(amount ${order}) FILTER (amount <> 0), 0) AS earliest ${own} GROUP BY decision) USING (decision)
GROUP BY decision`
}

/** Allocations, segments and cells by number, and `ordered`: rows as they are read. */
export const NUMBERED = [
  `CREATE TABLE allocations AS SELECT CAST(row_number() OVER () - 1 AS INTEGER) AS id, allocation, count(*) AS rows FROM firsts GROUP BY allocation`,
  `CREATE TABLE segments AS SELECT CAST(row_number() OVER (ORDER BY count(*) DESC, segment) - 1 AS INTEGER) AS id, segment FROM firsts GROUP BY segment`,
  `CREATE TABLE cells AS SELECT CAST(row_number() OVER () - 1 AS INTEGER) AS id, cell FROM firsts GROUP BY cell`,
] as const

/** Rows in the order of their decisions. @param variants in the order of their indices */
export function orderedRows(variants: readonly string[]): string {
  return `SELECT
  CAST(ms AS DOUBLE) AS "at",
  CAST(coalesce(list_position([${variants.map(quoted).join(", ")}], variant), 0) - 1 AS INTEGER) AS variant,
  allocations.id AS allocation,
  coalesce(reward, 0) AS reward,
  CAST(bucket AS INTEGER) AS bucket,
  revision,
  series,
  CAST((decision >> 75) AS DOUBLE) / 9007199254740992 AS coin,
  segments.id AS segment,
  cells.id AS cell,
  arrival_ms,
  arrival_amounts
FROM firsts
JOIN allocations USING (allocation)
JOIN segments ON segments.segment IS NOT DISTINCT FROM firsts.segment
JOIN cells ON cells.cell IS NOT DISTINCT FROM firsts.cell
LEFT JOIN rewards USING (decision)
ORDER BY ms, decision`
}
