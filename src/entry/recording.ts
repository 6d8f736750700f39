import { join } from "node:path"
import { logFolder } from "../adapters/ndjson/log-folders.ts"
import { openOutcomeLog } from "../adapters/ndjson/outcome-log.ts"
import { createOutcomeReader } from "../adapters/ndjson/outcome-reader.ts"
import { createFoldMarkFile } from "../adapters/node-files/fold-marks.ts"
import { withDeadlines } from "../app/deadline.ts"
import { createRecorder, type Recorder } from "../app/recorder.ts"
import { recover } from "../app/recover.ts"
import { createRecoveringMarks, createRecoveringStore, type RecoveringStore } from "../app/recovering-store.ts"
import { createRestoreRevisions } from "../app/restore-revisions.ts"
import type { Config } from "../config.ts"
import { GatewayError } from "../domain/errors.ts"
import type { LogPosition } from "../domain/log-position.ts"
import type { Readings } from "../http/gauges.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterArchive } from "../ports/counter-archive.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { ExperimentStore } from "../ports/experiment-store.ts"
import type { FoldMarkStore } from "../ports/fold-marks.ts"
import type { Logger } from "../ports/logger.ts"
import { logReadings } from "./readings.ts"
import type { TurnEnd } from "./turn-end.ts"

const FOLD_WITHIN_MS = 30_000
/** A log without traffic is heard of so often: nothing that the others need waits for it. */
const NOTE_EVERY_MS = 60_000

export interface RecordingOptions {
  readonly dataDir: string
  /** Whose log it is, from 1. */
  readonly thread: number
  readonly archive: CounterStore & CounterArchive
  readonly experimentStore: ExperimentStore
  /** Where a reward is durable when it is answered. */
  readonly durability: Config["rewardDurability"]
  /** Settles when the store is ready to be folded into: what was there before all threads. */
  readonly prepare: () => Promise<void>
  /** When the lines of one turn are written: after the work on what arrived in it. */
  readonly turnEnd: TurnEnd
  readonly clock: Clock
  readonly logger: Logger
}

/** How a thread's recording is, in numbers that can be added up. */
export interface RecordingState {
  readonly logFails: boolean
  readonly droppedLines: number
  readonly storeFails: boolean
  readonly failedFolds: number
  readonly recovered: boolean
}

/** What one thread writes to and counts through: its own log, folded into the store that all share. */
export interface Recording {
  readonly recorder: Recorder
  readonly store: RecoveringStore
  readonly readings: Readings
  state(): RecordingState
  /** Syncs, folds and closes the log and its store. */
  close(): Promise<void>
}

/**
 * Opens a thread's log and brings the store up to its end.
 *
 * @throws GatewayError `config_invalid` for a damaged database, `log_unavailable`
 */
export async function openRecording(options: RecordingOptions): Promise<Recording> {
  const { dataDir, thread, archive, prepare, turnEnd, clock, logger } = options
  const folder = logFolder(dataDir, thread)
  const log = await openOutcomeLog({ folder, logger, atTurnEnd: turnEnd.afterwards })
  const reader = createOutcomeReader(folder)
  const until = await reader.end()
  const restore = createRestoreRevisions(options.experimentStore, logger)
  const marks = foldMarksOf(dataDir, thread, logger)
  /** What catching up has found, which may be long after the recorder is made. */
  const positions = new Map<string, LogPosition>()
  const catchUp = async (): Promise<void> => {
    await prepare()
    const recovered = await recover({ reader, log, store: archive, marks, logger, restore, until })
    for (const [experiment, position] of recovered.positions) positions.set(experiment, position)
  }
  // Folding what a long outage has left may take any time; while it serves, the gateway waits for nobody that long.
  const patient = { fold: FOLD_WITHIN_MS, recover: Number.POSITIVE_INFINITY, close: Number.POSITIVE_INFINITY }
  const store = withDeadlines(createRecoveringStore(archive, catchUp), patient)
  await recoverOrGoOn(store, join(dataDir, "gateway.db"), logger)
  const recorder = createRecorder({
    log,
    store,
    clock,
    logger,
    reader,
    marks: createRecoveringMarks(marks, store),
    positions,
    unfoldedTo: () => (store.recovered ? undefined : until),
    durability: options.durability,
    atTurnEnd: turnEnd.afterwards,
  })
  // What fails here is counted and logged where it fails.
  const timer = setInterval(() => void Promise.allSettled([recorder.flush()]), NOTE_EVERY_MS).unref()
  const state = (): RecordingState => ({
    logFails: log.counts.failing,
    droppedLines: log.counts.droppedLines,
    storeFails: recorder.counts.storeFails,
    failedFolds: recorder.counts.failedFolds,
    recovered: store.recovered,
  })
  return {
    recorder,
    store,
    readings: logReadings(log, recorder.counts),
    state,
    close: async () => {
      clearInterval(timer)
      await recorder.close()
    },
  }
}

/** The marks of a thread's log. */
export function foldMarksOf(dataDir: string, thread: number, logger: Logger): FoldMarkStore {
  return createFoldMarkFile(thread === 1 ? dataDir : logFolder(dataDir, thread), logger)
}

/** A damaged database stops the start; one that the disk has no room for is caught up with later. */
async function recoverOrGoOn(store: RecoveringStore, path: string, logger: Logger): Promise<void> {
  try {
    await store.recover()
  } catch (cause) {
    if (!(cause instanceof GatewayError)) throw cause
    if (cause.code === "config_invalid") {
      throw new GatewayError("config_invalid", {
        detail: `${path} can't be used. Move it away and start again: counters and revisions are made anew from the outcome log`,
        cause,
      })
    }
    logger.error({ err: cause, path }, "counters can't be read or written yet: predictions are served without learning")
  }
}
