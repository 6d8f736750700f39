import { GatewayError } from "../domain/errors.ts"
import { LAPSED_AFTER_MS, type LogPosition } from "../domain/log-position.ts"
import type { CopiedLog } from "../ports/copied-log.ts"
import type { Logger } from "../ports/logger.ts"
import { catchUp, type FoldedLog, type Progress, readEach, type Stand } from "./catch-up.ts"
import { CopiedLogs, type CopiesEnd, type CopyDeps } from "./count-copied-logs.ts"
import { type LogPart, partsOf } from "./log-parts.ts"
import { bringBack, type OwnLog } from "./restore-shared.ts"

/** Logs of gateways that are gone. */
export interface GoneLogs extends CopyDeps {
  /** Those of data folders. */
  readonly logs: readonly OwnLog[]
  /** Those that only copies of their lines are left of. */
  readonly copies?: readonly CopiedLog[]
  readonly logger: Logger
}

/**
 * Counts what is in the logs of gateways that are gone and not in the counters that others share: from where those stand in each log. Nothing is
 * reset, and gateways may run beside.
 *
 * @throws GatewayError `config_invalid` for a folder's log that was silent for so long that its rewards can't be told from repeated ones,
 *         `store_unavailable`, `log_unavailable`
 */
export async function countGoneLogs(deps: GoneLogs, progress: Progress): Promise<FoldedLog & CopiesEnd> {
  const { logs, store } = deps
  const copies = new CopiedLogs(deps.copies ?? [], deps)
  const losses = await store.losses()
  const isBack = losses.length > 0 && (await bringBack(losses, deps))
  await copies.bringBack(isBack ? await store.losses() : losses)
  const ofCopies = (report: Progress): Promise<FoldedLog> => copies.count(report)
  const ofFolders = (report: Progress): Promise<FoldedLog> => countFolders(deps, report)
  // A copy may have what went of a folder, and what it never had.
  const rounds = logs.length > 0 ? [ofCopies, ofFolders, ofCopies] : [ofCopies]
  const total = await readEach(rounds, (count, report) => count(report), progress)
  // Whoever has nothing more to wait for is whole from now on.
  return { ...total, ...(await copies.end(await store.losses())) }
}

async function countFolders({ logs, store, clock, restore }: GoneLogs, progress: Progress): Promise<FoldedLog> {
  const count = async ({ reader, span, until }: LogPart, report: Progress): Promise<FoldedLog> => {
    if ((await store.alive(span.id, 0)).lapsed) {
      throw new GatewayError("config_invalid", {
        detail: `the log ${span.id} was silent for more than a week: stop the gateways, and make the counters anew with rebuild --log`,
      })
    }
    const stands = standsAt(await store.positions(span.id))
    const others = { readFrom: span.since, position: undefined }
    const folded = await catchUp({ reader, store, log: span.id, stands, others, until, restore }, report)
    // Nothing more comes of it: what waits for all logs needn't wait for this one.
    await store.alive(span.id, clock.now() + LAPSED_AFTER_MS)
    return folded
  }
  return await readEach(await partsOf(logs.map(({ reader }) => reader)), count, progress)
}

function standsAt(positions: ReadonlyMap<string, LogPosition>): Map<string, Stand> {
  return new Map(Array.from(positions, ([experiment, position]) => [experiment, { readFrom: position, position }]))
}
