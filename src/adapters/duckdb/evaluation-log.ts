import { tmpdir } from "node:os"
import type { DuckDBConnection } from "@duckdb/node-api"
import { GatewayError } from "../../domain/errors.ts"
import type { EvaluationLog, EvaluationQuery, LogSummary, PreparedLog, RowBatch } from "../../ports/evaluation-log.ts"
import { type DuckDbLimits, openDuckDb, query } from "./duckdb.ts"
import {
  allDecisions,
  creditedRewards,
  firstDecisions,
  NUMBERED,
  NUMBERED_ALLOCATIONS,
  numberedValues,
  orderedRows,
  partsOf,
} from "./joined-rows.ts"
import { allocationsOf, describeEvents, type EventFacts } from "./log-facts.ts"
import { readRows } from "./row-batches.ts"
import { type LogPlaces, stageLog } from "./staged-log.ts"
import { openTemporarySpace, type TemporarySpace } from "./temporary-space.ts"

const DEFAULT_LIMITS: DuckDbLimits = { threads: 1, memoryMiB: 320, temporaryGiB: 50 }

/** How much of the work is done after each step: reading takes most of it. */
const SHARES = { staged: 0.7, joined: 0.9 }

/** Logs in files, by DuckDB in this process. What is kept meanwhile is in a folder of its own, which is bounded. */
export function createDuckDbEvaluationLog(
  places: LogPlaces,
  options: {
    readonly limits?: Partial<DuckDbLimits>
    readonly temporaryFolder?: string
    /** Ends the work early: what is under way fails, and what was kept on disk goes. */
    readonly signal?: AbortSignal
  } = {},
): EvaluationLog {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  return {
    prepare: async (asked, progress) => {
      let interrupt = (): void => {}
      const parent = options.temporaryFolder ?? tmpdir()
      const space = await openTemporarySpace(parent, limits.temporaryGiB, options.signal, () => interrupt())
      try {
        const { connection, close } = await openDuckDb(space.folder, limits)
        interrupt = () => connection.interrupt()
        const closeAll = async (): Promise<void> => {
          interrupt = () => {}
          close()
          await space.remove()
        }
        try {
          return await prepare(connection, places, asked, progress, { ...space, remove: closeAll })
        } catch (error) {
          await closeAll()
          throw error
        }
      } catch (error) {
        await space.remove()
        throw translated(error, space.signal)
      }
    },
  }
}

async function prepare(
  connection: DuckDBConnection,
  places: LogPlaces,
  asked: EvaluationQuery,
  progress: (share: number) => void,
  space: TemporarySpace,
): Promise<PreparedLog> {
  const staged = await stageLog(connection, places, asked, space, (share) => progress(SHARES.staged * share))
  const facts = await describeEvents(connection, asked)
  if (facts === undefined) throw nothingOf(asked.experiment, await staged.experiments())
  await connection.run(creditedRewards(facts.metric, facts.aggregation, facts.bound, asked.arrivals))
  await takeFirsts(connection, facts, (share) => progress(SHARES.staged + (SHARES.joined - SHARES.staged) * share))
  const { young, rows, begin } = await selectRows(connection, asked, facts)
  if (rows === 0) {
    throw new GatewayError("config_invalid", {
      detail:
        young > 0
          ? `all ${young} rows are younger than the ${facts.windowSeconds} s that their rewards may take. Wait, or say with --window how soon they come`
          : `no decision of ${asked.experiment} was drawn between --from and --to`,
    })
  }
  await connection.run(NUMBERED_ALLOCATIONS)
  for (const column of NUMBERED) await connection.run(numberedValues(column))
  const { variants, allocations } = await allocationsOf(connection)
  const segments = await query(connection, "SELECT segment FROM segments ORDER BY id")
  const summary: LogSummary = {
    metric: facts.metric,
    aggregation: facts.aggregation,
    bound: facts.bound,
    leastReward: facts.leastReward,
    stickiness: facts.stickiness,
    decisions: facts.decisions,
    rows,
    undrawn: facts.undrawn,
    young,
    windowSeconds: facts.windowSeconds,
    begin,
    end: facts.end,
    startLost: facts.stickiness !== "request" && (staged.firstLost || facts.firstRevision > 1),
    variants,
    allocations,
    segments: segments.map(({ segment }) => (typeof segment === "string" ? segment : null)),
    documents: facts.documents,
  }
  await space.check()
  progress(SHARES.joined)
  const single = await singleColumns(connection)
  const ordered = orderedRows(variants, single, asked)
  return {
    summary,
    rows: () => translatedRows(readRows(connection, ordered, asked), space.signal),
    close: space.remove,
  }
}

/** The table `firsts`, part by part. */
async function takeFirsts(
  connection: DuckDBConnection,
  { logged, decisions, stickiness }: EventFacts,
  progress: (share: number) => void,
): Promise<void> {
  if (stickiness === "request" && logged === decisions) {
    await connection.run(`CREATE TABLE firsts AS ${allDecisions()}`)
    return
  }
  const parts = partsOf(logged)
  for (let part = 0; part < parts; part++) {
    const into = part === 0 ? "CREATE TABLE firsts AS" : "INSERT INTO firsts"
    await connection.run(`${into} ${firstDecisions(part, parts)}`)
    progress((part + 1) / parts)
  }
}

/** What has the same value in all rows, so that nothing has to be looked up. */
async function singleColumns(connection: DuckDBConnection): Promise<ReadonlySet<(typeof NUMBERED)[number]>> {
  const single = new Set<(typeof NUMBERED)[number]>()
  for (const column of NUMBERED) {
    const [counted] = await query(connection, `SELECT count(*) AS values FROM ${column}s`)
    if (Number(counted?.["values"]) === 1) single.add(column)
  }
  return single
}

/** Leaves in `firsts` what is between the times that were asked for, and old enough. */
async function selectRows(
  connection: DuckDBConnection,
  { from, to }: EvaluationQuery,
  { end, windowSeconds }: EventFacts,
): Promise<{ readonly young: number; readonly rows: number; readonly begin: number }> {
  if (from !== undefined) await connection.run(`DELETE FROM firsts WHERE ms < ${from}`)
  if (to !== undefined) await connection.run(`DELETE FROM firsts WHERE ms >= ${to}`)
  const oldest = windowSeconds === undefined ? undefined : end - windowSeconds * 1000
  const tooYoung = oldest === undefined ? "false" : `ms > ${oldest}`
  const [counted] = await query(
    connection,
    `SELECT count(*) FILTER (${tooYoung}) AS young, count(*) AS total, CAST(min(ms) AS DOUBLE) AS begin FROM firsts`,
  )
  const young = Number(counted?.["young"])
  if (young > 0) await connection.run(`DELETE FROM firsts WHERE ${tooYoung}`)
  return { young, rows: Number(counted?.["total"]) - young, begin: Number(counted?.["begin"]) }
}

function nothingOf(experiment: string, others: readonly string[]): GatewayError {
  const known = others.length === 0 ? "has no decisions at all" : `has decisions of ${others.join(", ")}`
  return new GatewayError("config_invalid", { detail: `the log has no drawn decision of ${experiment}; it ${known}` })
}

async function* translatedRows(rows: AsyncIterable<RowBatch>, signal: AbortSignal): AsyncGenerator<RowBatch> {
  try {
    for await (const batch of rows) {
      signal.throwIfAborted()
      yield batch
    }
  } catch (error) {
    throw translated(error, signal)
  }
}

/** What was wrong, where the work was ended because of it; else what ended it. */
function translated(error: unknown, { aborted, reason }: AbortSignal): unknown {
  if (aborted && reason instanceof GatewayError) return reason
  if (error instanceof GatewayError) return error
  return new GatewayError("log_unavailable", { detail: "[duckdb] the log can't be evaluated", cause: error })
}
