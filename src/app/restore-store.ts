import type { LogPosition } from "../domain/log-position.ts"
import type { Checkpoints } from "../ports/checkpoints.ts"
import type { CounterArchive } from "../ports/counter-archive.ts"
import type { Logger } from "../ports/logger.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import { isBehind } from "./catch-up.ts"
import { partsOf } from "./log-parts.ts"
import { groundOf, restoreCheckpoint } from "./restore-checkpoint.ts"
import type { RestoreRevisions } from "./restore-revisions.ts"

/** What a store may have to be made anew from. */
export interface RestoreDeps {
  /** Every log of the folder; the first is the one that its checkpoints are named after. */
  readonly readers: readonly OutcomeReader[]
  readonly store: CounterArchive
  readonly checkpoints: Checkpoints
  readonly logger: Logger
  readonly restore?: RestoreRevisions | undefined
}

/**
 * Makes a store anew from a checkpoint where it was emptied or has fallen back, so that the files are gone which it lacks. Before any log is
 * folded at the start, and only for the store of the folder itself: no other is ever reset, since others may fold into it.
 *
 * @returns log files that the store would need, that are gone and that no checkpoint stands for
 * @throws GatewayError `store_unavailable`, `log_unavailable`
 */
export async function restoreStore(deps: RestoreDeps): Promise<number> {
  const { readers, store, checkpoints, logger, restore } = deps
  const isUnfinished = await checkpoints.isRestoring()
  const logs = await Promise.all(readers.map((reader) => standOfLog(reader, store)))
  if (!isUnfinished && logs.every(({ begin }) => (begin?.file ?? 1) === 1)) return 0
  const isEmpty = logs.every(({ stored }) => stored.size === 0) && (await store.contents()).positions.length === 0
  const { checkpoint, lostFiles } = await groundOf(readers, checkpoints)
  const lacks = checkpoint?.contents.positions.some(({ experiment, log, position }) => {
    const known = logs.find(({ id }) => id === log)
    const stand = known?.stored.get(experiment)
    return known !== undefined && isBehind(stand, position) && isBehind(stand, known.begin)
  })
  if (!isUnfinished && !isEmpty && lacks !== true) return 0
  if (checkpoint === undefined) {
    // Counters and credits of a restore that was broken off don't belong together.
    if (isUnfinished) await store.reset()
    await checkpoints.setRestoring(false)
  } else {
    await restoreCheckpoint(checkpoint, { parts: await partsOf(readers), archive: store, checkpoints, restore })
    const { number, foldedTo } = checkpoint
    logger.warn(
      { checkpoint: number, foldedTo: new Date(foldedTo).toISOString() },
      "the counters lacked what is no longer in the log: they are made from a checkpoint and the log since",
    )
  }
  if (lostFiles > 0) {
    logger.error(
      { lostFiles },
      "files of the outcome log are gone that no checkpoint stands for: the counters lack their outcomes",
    )
  }
  return lostFiles
}

async function standOfLog(reader: OutcomeReader, store: CounterArchive) {
  const [begin, spans] = await Promise.all([reader.begin(), reader.spans()])
  const id = spans.at(-1)?.id
  return { begin, id, stored: id === undefined ? new Map<string, LogPosition>() : await store.positions(id) }
}
