import { join } from "node:path"
import { type LogFolder, logFolders } from "../adapters/ndjson/log-folders.ts"
import { createLogSegments } from "../adapters/ndjson/log-segments.ts"
import { openOutcomeLog } from "../adapters/ndjson/outcome-log.ts"
import { createOutcomeReader } from "../adapters/ndjson/outcome-reader.ts"
import { createCheckpointFiles } from "../adapters/node-files/checkpoints.ts"
import { createSqliteCounterStore } from "../adapters/sqlite/counter-store.ts"
import { Database } from "../adapters/sqlite/database.ts"
import { createSqliteExperimentStore } from "../adapters/sqlite/experiment-store.ts"
import { withDeadlines } from "../app/deadline.ts"
import { APPEND_WITHIN_MS } from "../app/log-entry.ts"
import { createMirroredExperiments } from "../app/mirrored-experiments.ts"
import { recover } from "../app/recover.ts"
import { createRestoreRevisions, type RestoreRevisions } from "../app/restore-revisions.ts"
import { SharedRestore } from "../app/restore-shared.ts"
import { restoreStore } from "../app/restore-store.ts"
import type { Checkpoints } from "../ports/checkpoints.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterArchive } from "../ports/counter-archive.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { ExperimentStore } from "../ports/experiment-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { KnownCounters, Loss } from "../ports/shared-counters.ts"
import { foldMarksOf } from "./recording.ts"
import type { SharedStore } from "./shared-store.ts"

export interface StorageOptions {
  readonly dataDir: string
  /** How many threads serve now, each with a log: those that earlier starts had beyond them are folded here. */
  readonly threads: number
  /** The store that is folded into instead of the folder's own; undefined: there is none. */
  readonly shared: SharedStore | undefined
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * The store of a data folder, and the logs that no thread writes to any more. Beside a shared store the folder's own keeps a copy of the
 * revisions alone.
 */
export class Storage {
  readonly database: Database
  readonly archive: CounterStore & CounterArchive
  readonly experimentStore: ExperimentStore
  readonly checkpoints: Checkpoints
  readonly #options: StorageOptions
  readonly #restore: RestoreRevisions
  /** Ids of logs that nobody writes to. */
  #unwritten: readonly string[] = []
  #lostFiles = 0
  /** This gateway's part in restoring what others share; undefined where they share nothing, or before the start. */
  #sharing: SharedRestore | undefined
  #looking: Promise<void> | undefined
  #failing = false

  constructor(options: StorageOptions) {
    const { dataDir, shared, logger } = options
    this.#options = options
    this.database = new Database({ path: join(dataDir, "gateway.db") }, logger)
    const own = withDeadlines(createSqliteExperimentStore(this.database))
    if (shared === undefined) {
      this.archive = createSqliteCounterStore(this.database)
      this.experimentStore = own
    } else {
      this.archive = shared.archive
      this.experimentStore = createMirroredExperiments(withDeadlines(shared.experimentStore), own, logger)
    }
    this.checkpoints = createCheckpointFiles(dataDir, logger)
    this.#restore = createRestoreRevisions(this.experimentStore, logger)
  }

  /** Files of the logs that the start needed, gone and in no checkpoint. */
  get lostFiles(): number {
    return this.#lostFiles
  }

  /**
   * Makes the store ready to be folded into, once: anew from a checkpoint where it lacks what is no longer in the logs, and up to the end of
   * the logs that no thread writes to.
   *
   * @throws what kept it from that; the next call tries again
   */
  readonly prepare = once(() => this.#prepare())

  /** What the shared counters were in the last checkpoint, which the store is told by this; nothing of a store of its own. @throws as `prepare` */
  readonly know = once(() => this.#know())

  get isShared(): boolean {
    return this.#options.shared !== undefined
  }

  /** What shared counters lack that were lost, as it was found a moment ago. */
  get losses(): readonly Loss[] {
    return this.#sharing?.losses ?? []
  }

  /** Looks whether shared counters were lost, and does its part in restoring them. One look at a time; never rejects. */
  async restoreLost(): Promise<void> {
    this.#looking ??= this.#look()
    await this.#looking
  }

  /** Keeps a shared store small; the folder's own does that by itself. Never rejects. */
  async tidyUp(): Promise<void> {
    await this.#options.shared?.tidyUp()
  }

  /** Notes that the logs nobody writes to are folded to their ends: what waits for all logs must not wait for those. Never rejects. */
  async noteUnwritten(): Promise<void> {
    const foldedTo = this.#options.clock.now() - APPEND_WITHIN_MS
    await Promise.allSettled(this.#unwritten.map((log) => this.archive.alive(log, foldedTo)))
  }

  async #look(): Promise<void> {
    try {
      await this.#sharing?.look()
      this.#failing = false
    } catch (error) {
      if (!this.#failing)
        this.#options.logger.warn({ err: error }, "shared counters can't be looked after; it is tried again")
      this.#failing = true
    } finally {
      this.#looking = undefined
    }
  }

  async #know(): Promise<KnownCounters> {
    const { dataDir, shared, logger } = this.#options
    if (shared === undefined) return { positions: [] }
    const logs = async () =>
      (await logFolders(dataDir)).map(({ folder }) => ({
        reader: createOutcomeReader(folder),
        segments: createLogSegments(folder),
      }))
    this.#sharing = new SharedRestore({ logs, store: shared.archive, checkpoints: this.checkpoints, logger })
    return await this.#sharing.know()
  }

  async #prepare(): Promise<void> {
    const { dataDir, threads, logger } = this.#options
    const folders = await logFolders(dataDir)
    await this.know()
    if (this.#sharing !== undefined) {
      await this.#sharing.look()
    } else {
      this.#lostFiles = await restoreStore({
        readers: folders.map(({ folder }) => createOutcomeReader(folder)),
        store: this.archive,
        checkpoints: this.checkpoints,
        logger,
        restore: this.#restore,
      })
    }
    const ids: string[] = []
    for (const folder of folders.filter(({ thread }) => thread > threads)) ids.push(await this.#fold(folder))
    this.#unwritten = ids
  }

  /** @returns the log's id */
  async #fold({ thread, folder }: LogFolder): Promise<string> {
    const { dataDir, logger } = this.#options
    const reader = createOutcomeReader(folder)
    const marks = foldMarksOf(dataDir, thread, logger)
    const log = await openOutcomeLog({ folder, logger })
    try {
      const { positions } = await recover({ reader, log, store: this.archive, marks, logger, restore: this.#restore })
      const watermark = await reader.end()
      if (watermark !== undefined) {
        await marks.save({ log: log.id, watermark, positions: Object.fromEntries(positions) })
      }
      return log.id
    } finally {
      await log.close()
    }
  }
}

/** Does something once, for all who ask. What fails is done again for the next. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | undefined
  return async () => {
    done ??= work().catch((error: unknown) => {
      done = undefined
      throw error
    })
    return await done
  }
}
