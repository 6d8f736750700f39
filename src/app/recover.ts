import type { LogPosition } from "../domain/log-position.ts"
import type { CounterArchive } from "../ports/counter-archive.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { FoldMarkStore, FoldMarks } from "../ports/fold-marks.ts"
import type { Logger } from "../ports/logger.ts"
import type { OutcomeLog } from "../ports/outcome-log.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import { catchUp, type FoldedLog, isBehind, type Stand } from "./catch-up.ts"
import type { RestoreRevisions } from "./restore-revisions.ts"

export interface RecoverDeps {
  readonly reader: OutcomeReader
  readonly log: OutcomeLog
  readonly store: CounterStore & CounterArchive
  readonly marks?: FoldMarkStore
  readonly logger: Logger
  /** Gets the configuration changes of what is folded, before its counters are. */
  readonly restore?: RestoreRevisions
  /** Where this process began to append: what comes after is folded as it is written. Undefined: the end of the log. */
  readonly until?: LogPosition | undefined
}

export interface RecoveredLog extends FoldedLog {
  /** Where each experiment stands now. */
  readonly positions: ReadonlyMap<string, LogPosition>
}

/**
 * Brings the counters up to the end of one log, at start. The log must have been opened for writing before, which settles where it ends.
 *
 * Where the store has positions of this log that the log doesn't have, the folder was copied or restored: what it holds has been folded under
 * the old id, and the log goes on by a new one.
 *
 * @returns what was folded, and where each experiment stands now
 * @throws GatewayError `store_unavailable`, `log_unavailable`
 */
export async function recover(deps: RecoverDeps): Promise<RecoveredLog> {
  const { reader, log, store, logger } = deps
  const stored = await store.positions(log.id)
  const { lapsed } = await store.alive(log.id, 0)
  const why = lapsed ? "it was away for too long" : await mismatch(reader, stored)
  if (why !== undefined) {
    const old = log.id
    await log.renew()
    await store.alive(log.id, 0)
    logger.warn(
      { old, id: log.id, why },
      "the outcome log goes by a new id: what it holds is taken for folded. If it isn't, rebuild counts it",
    )
    return { events: 0, skipped: 0, positions: new Map() }
  }
  const marks = await deps.marks?.load()
  const stands = standsOf(log, stored, marks?.log === log.id ? marks : undefined)
  const folded = await catchUp({ reader, store, log: log.id, ...stands, until: deps.until, restore: deps.restore })
  const { events, skipped } = folded
  logger.info({ events, skipped, log: log.id }, "counters are up to date with the outcome log")
  return { events, skipped, positions: new Map([...stored, ...folded.positions]) }
}

async function mismatch(reader: OutcomeReader, stored: ReadonlyMap<string, LogPosition>): Promise<string | undefined> {
  const begin = await reader.begin()
  for (const position of stored.values()) {
    // In a file that was deleted since: an experiment that has been idle.
    if (isBehind(position, begin)) continue
    if (!(await reader.reaches(position))) return "the store has folded something else under its id"
  }
  return undefined
}

/** Where each experiment is to be read from: its position, but no earlier than the watermark where the store has all that was marked. */
function standsOf(
  log: OutcomeLog,
  stored: ReadonlyMap<string, LogPosition>,
  marks: FoldMarks | undefined,
): { readonly stands: ReadonlyMap<string, Stand>; readonly others: Stand } {
  const begin = { readFrom: log.since, position: undefined }
  if (marks === undefined) {
    const stands = [...stored].map(([experiment, position]) => [experiment, { readFrom: position, position }] as const)
    return { stands: new Map(stands), others: begin }
  }
  const stands = new Map<string, Stand>()
  // Marked, and the store knows nothing of it: the store was emptied.
  for (const experiment of Object.keys(marks.positions)) stands.set(experiment, begin)
  for (const [experiment, position] of stored) {
    const isComplete = !isBehind(position, marks.positions[experiment])
    const readFrom = isComplete && isBehind(position, marks.watermark) ? marks.watermark : position
    stands.set(experiment, { readFrom, position })
  }
  return { stands, others: { readFrom: marks.watermark, position: undefined } }
}
