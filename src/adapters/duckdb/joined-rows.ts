import type { Aggregation } from "../../domain/events.ts"
import type { EvaluationQuery } from "../../ports/evaluation-log.ts"
import { quoted } from "./duckdb.ts"

/** A decision is drawn where chance had a part in it. */
export const DRAWN = `kind = 'decision' AND reason IN ('policy', 'burn_in')`

/** Decisions that are told apart at once. */
const DECISIONS_A_PART = 2_000_000

/** In how many parts so many decisions are told apart, so that each fits into memory. */
export function partsOf(decisions: number): number {
  return Math.max(1, Math.ceil(decisions / DECISIONS_A_PART))
}

/** Which part a number of 128 bits belongs to; a remainder of all its bits would take a microsecond. */
export function isOfPart(column: "decision" | "owner", part: number, parts: number): string {
  return `CAST(${column} & 65535 AS INTEGER) % ${parts} = ${part}`
}

/**
 * Every unit's first drawn decision, and every drawn decision of those drawn by request, once however often it was logged: a part of them, by the
 * hash of their owners, so that a part fits into memory.
 */
export function firstDecisions(part: number, parts: number): string {
  return `${allDecisions()} AND ${isOfPart("owner", part, parts)}
QUALIFY row_number() OVER (PARTITION BY owner ORDER BY ms, decision) = 1`
}

/** Every drawn decision as often as it was logged. */
export function allDecisions(): string {
  return `SELECT decision, ms, bucket, revision, series, variant, allocation, segment, cell, decision_id, features FROM events WHERE ${DRAWN}`
}

/**
 * The table `rewards`: what each decision's rewards of a metric add up to, as `creditStep` has it. Of one event id the earliest stands. Under `first`
 * the earliest of all counts, of several the least, and a zero gives way to what isn't zero.
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
JOIN (SELECT decision, coalesce(first(amount ORDER BY ms, amount) FILTER (amount <> 0), 0) AS earliest ${own} GROUP BY decision) USING (decision)
GROUP BY decision`
}

/** What rows are numbered by, beside their allocation. */
export const NUMBERED = ["segment", "cell"] as const

/** The table `allocations`: each once, by number. */
export const NUMBERED_ALLOCATIONS = `CREATE TABLE allocations AS
SELECT CAST(row_number() OVER () - 1 AS INTEGER) AS id, allocation, count(*) AS rows FROM firsts GROUP BY allocation`

/** The table `segments` or `cells`: values by number, the most frequent first. */
export function numberedValues(column: (typeof NUMBERED)[number]): string {
  return `CREATE TABLE ${column}s AS
SELECT CAST(row_number() OVER (ORDER BY count(*) DESC, ${column}) - 1 AS INTEGER) AS id, ${column} FROM firsts GROUP BY ${column}`
}

/**
 * Rows in the order of their decisions.
 *
 * @param variants in the order of their indices
 * @param single columns that have the same value everywhere
 * @param wanted what else is asked for
 */
export function orderedRows(
  variants: readonly string[],
  single: ReadonlySet<(typeof NUMBERED)[number]>,
  { arrivals, whole = false }: Pick<EvaluationQuery, "arrivals" | "whole">,
): string {
  const numbered = NUMBERED.filter((column) => !single.has(column))
  const joins = numbered.map(
    (column) => `JOIN ${column}s ON ${column}s.${column} IS NOT DISTINCT FROM firsts.${column}`,
  )
  const number = (column: (typeof NUMBERED)[number]): string => (single.has(column) ? "0" : `${column}s.id`)
  const learned = arrivals
    ? `, series, CAST((decision >> 75) AS DOUBLE) / 9007199254740992 AS coin, arrival_ms, arrival_amounts`
    : ""
  const named = whole ? ", decision_id, features" : ""
  return `SELECT
  CAST(ms AS DOUBLE) AS "at",
  CAST(coalesce(list_position([${variants.map(quoted).join(", ")}], variant), 0) - 1 AS INTEGER) AS variant,
  allocations.id AS allocation,
  coalesce(reward, 0) AS reward,
  CAST(bucket AS INTEGER) AS bucket,
  revision,
  ${number("segment")} AS segment,
  ${number("cell")} AS cell${learned}${named}
FROM firsts
JOIN allocations USING (allocation)
${joins.join("\n")}
LEFT JOIN rewards USING (decision)
ORDER BY ms, decision`
}
