import type { DuckDBConnection } from "@duckdb/node-api"
import { GatewayError } from "../../domain/errors.ts"
import { longestWindow } from "../../domain/evaluation/logged-documents.ts"
import type { Aggregation } from "../../domain/events.ts"
import { readJson } from "../../domain/json-text.ts"
import type { EvaluationQuery, LogSummary } from "../../ports/evaluation-log.ts"
import { query, quoted } from "./duckdb.ts"
import { DRAWN, isOfPart, partsOf } from "./joined-rows.ts"

/** What the staged events say before they are joined. */
export interface EventFacts
  extends Pick<
    LogSummary,
    | "metric"
    | "aggregation"
    | "bound"
    | "leastReward"
    | "stickiness"
    | "decisions"
    | "undrawn"
    | "windowSeconds"
    | "end"
    | "documents"
  > {
  /** Lines of drawn decisions, repeated ones too. */
  readonly logged: number
  readonly firstRevision: number
}

/**
 * @returns undefined where nothing was drawn
 * @throws GatewayError `config_invalid` where nothing is known of the metric
 */
export async function describeEvents(
  connection: DuckDBConnection,
  asked: EvaluationQuery,
): Promise<EventFacts | undefined> {
  const [drawn] = await query(
    connection,
    `SELECT count(*) AS logged, arg_max(metric, ms) AS metric, count(*) FILTER (stickiness = 'unit') AS sticky
     FROM events WHERE ${DRAWN}`,
  )
  const logged = Number(drawn?.["logged"])
  if (logged === 0) return undefined
  const metric = asked.metric ?? String(drawn?.["metric"])
  const [lines] = await query(
    connection,
    `SELECT CAST(max(ms) AS DOUBLE) AS finish, min(revision) AS revision FROM events`,
  )
  const sticky = Number(drawn?.["sticky"])
  const documents = await documentsOf(connection)
  return {
    logged,
    metric,
    ...(await rewardsOf(connection, metric, documents)),
    stickiness: sticky === 0 ? "request" : sticky === logged ? "unit" : "mixed",
    decisions: await countDecisions(connection, DRAWN),
    undrawn: await undrawnOf(connection),
    windowSeconds: asked.windowSeconds ?? longestWindow(metric, documents),
    end: Number(lines?.["finish"]),
    firstRevision: Number(lines?.["revision"]),
    documents,
  }
}

async function undrawnOf(connection: DuckDBConnection): Promise<LogSummary["undrawn"]> {
  const of = (reason: string): Promise<number> =>
    countDecisions(connection, `kind = 'decision' AND reason = ${quoted(reason)}`)
  return { forced: await of("forced"), holdout: await of("holdout"), paused: await of("paused") }
}

/** How many different decisions there are of some kind, counted in parts that fit into memory. */
async function countDecisions(connection: DuckDBConnection, which: string): Promise<number> {
  const [logged] = await query(connection, `SELECT count(*) AS lines FROM events WHERE ${which}`)
  const parts = partsOf(Number(logged?.["lines"]))
  let decisions = 0
  for (let part = 0; part < parts; part++) {
    const [counted] = await query(
      connection,
      `SELECT count(DISTINCT decision) AS decisions FROM events WHERE ${which} AND ${isOfPart("decision", part, parts)}`,
    )
    decisions += Number(counted?.["decisions"])
  }
  return decisions
}

/** How the metric's rewards are measured: as the newest of them says, or where none came, as documents do. */
async function rewardsOf(
  connection: DuckDBConnection,
  metric: string,
  documents: LogSummary["documents"],
): Promise<Pick<EventFacts, "aggregation" | "bound" | "leastReward">> {
  const counted = await query(
    connection,
    `SELECT metric, count(*) AS rewards, arg_max(aggregation, ms) AS aggregation, max(bound) AS bound, min(amount) AS least
     FROM events WHERE kind = 'reward' GROUP BY metric ORDER BY metric`,
  )
  const own = counted.find((row) => row["metric"] === metric)
  if (own !== undefined) {
    const aggregation = String(own["aggregation"]) as Aggregation
    return { aggregation, bound: Number(own["bound"]), leastReward: Math.min(0, Number(own["least"])) }
  }
  if (longestWindow(metric, documents) !== undefined) return { aggregation: "first", bound: 1, leastReward: 0 }
  const known = counted.map((row) => String(row["metric"])).join(", ")
  throw new GatewayError("config_invalid", {
    detail: `the log has no reward of metric ${quoted(metric)} in time; it has ${known === "" ? "no rewards at all" : `rewards of ${known}`}`,
  })
}

async function documentsOf(connection: DuckDBConnection): Promise<LogSummary["documents"]> {
  const rows = await query(
    connection,
    `SELECT revision, CAST(any_value(document) AS VARCHAR) AS document FROM events
     WHERE kind = 'experiment' GROUP BY revision ORDER BY revision`,
  )
  return rows.flatMap((row) => {
    const document = readJson(String(row["document"]))
    return document === undefined || document === null ? [] : [{ revision: Number(row["revision"]), document }]
  })
}

/** The allocations of the table `allocations`, over all variants that occur in any. */
export async function allocationsOf(
  connection: DuckDBConnection,
): Promise<Pick<LogSummary, "variants" | "allocations">> {
  const rows = await query(
    connection,
    `SELECT allocation, CAST("rows" AS DOUBLE) AS "rows" FROM allocations ORDER BY id`,
  )
  const parsed = rows.map((row) => readJson(String(row["allocation"])) as Readonly<Record<string, number>>)
  const variants = [...new Set(parsed.flatMap((allocation) => Object.keys(allocation)))].sort()
  return {
    variants,
    allocations: parsed.map((allocation, index) => ({
      probabilities: Float64Array.from(variants, (variant) => allocation[variant] ?? 0),
      names: variants.map((variant) => allocation[variant] !== undefined),
      rows: Number(rows[index]?.["rows"]),
    })),
  }
}
