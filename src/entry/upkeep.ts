import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import { ExperimentFolder } from "../adapters/experiment-folder/folder.ts"
import { type LogFolder, logFolders } from "../adapters/ndjson/log-folders.ts"
import { createLogSegments } from "../adapters/ndjson/log-segments.ts"
import { createOutcomeReader } from "../adapters/ndjson/outcome-reader.ts"
import { createFollowerCursors } from "../adapters/node-files/follower-cursors.ts"
import { DocumentFollower } from "../app/follow-documents.ts"
import { Scheduler } from "../app/keep-schedules.ts"
import type { KeyManagement } from "../app/manage-keys.ts"
import type { Publisher } from "../app/publish.ts"
import type { Reallocator } from "../app/reallocate.ts"
import type { RecoveringStore } from "../app/recovering-store.ts"
import { LogRetention, type RetainedLog, type RetentionCounts } from "../app/retain-log.ts"
import type { ServedExperiments } from "../app/served-experiments.ts"
import { within } from "../app/within.ts"
import { type Config, ConfigError } from "../config.ts"
import { describeProblem } from "../domain/document-issues.ts"
import type { Clock } from "../ports/clock.ts"
import type { BackendCheck } from "../ports/document-source.ts"
import type { Logger } from "../ports/logger.ts"
import type { Backends } from "./backends.ts"
import type { KeptKeys } from "./kept-keys.ts"
import { foldMarksOf } from "./recording.ts"
import type { Storage } from "./storage.ts"

/** The audit trail in a data folder. */
export const AUDIT_FILE = "audit.ndjson"

const LOOK_EVERY_MS = 1000
const RETAIN_EVERY_MS = 60_000
const NOTE_USES_EVERY_MS = 60_000
const TIDY_EVERY_MS = 30_000
const LOOK_FOR_LOSSES_EVERY_MS = 5_000
/** Counters that gateways share are restored from checkpoints: what is newer has to be folded again. */
const SHARED_CHECKPOINT_EVERY_MS = 180_000
const DAY_MS = 86_400_000
const REALLOCATE_EVERY_MS = 50

export interface UpkeepParts {
  readonly config: Config
  readonly dataDir: string
  readonly storage: Storage
  readonly keys: KeptKeys
  readonly apiKeys: Pick<KeyManagement, "look" | "noteUses">
  readonly backends: Backends
  readonly experiments: ServedExperiments
  readonly publisher: Publisher
  readonly reallocator: Reallocator
  /** Whether everything that earlier starts logged is folded. */
  readonly recovery: Pick<RecoveringStore, "recovered" | "recover">
  /** Folds what the logs of all threads have. May reject. */
  readonly flush: () => Promise<unknown>
  readonly clock: Clock
  readonly logger: Logger
}

/** What the gateway does beside requests: it follows the documents, reallocates, deletes old files, and tries again what a full disk refused. */
export class Upkeep {
  readonly #parts: UpkeepParts
  readonly #documents: DocumentFollower
  readonly #retention: LogRetention
  readonly #scheduler: Scheduler
  #timers: NodeJS.Timeout[] = []

  /** @param logs every log of the data folder: `retainedLogs` */
  constructor(parts: UpkeepParts, logs: readonly [RetainedLog, ...RetainedLog[]]) {
    const { config, dataDir, storage, experiments, backends, clock, logger } = parts
    this.#parts = parts
    const check: BackendCheck = (backend) => backends.check(backend)
    this.#documents = new DocumentFollower({
      source: new ExperimentFolder(config.experimentsDir ?? packaged("examples/experiments"), check),
      publisher: parts.publisher,
      logger,
      check,
    })
    this.#scheduler = new Scheduler({ experiments, publisher: parts.publisher, clock, logger })
    this.#retention = new LogRetention({
      bounds: {
        maxBytes: config.outcomesMaxBytes,
        maxAgeMs: config.outcomesMaxDays === undefined ? undefined : config.outcomesMaxDays * DAY_MS,
      },
      logs,
      archive: storage.archive,
      experiments: storage.experimentStore,
      checkpoints: storage.checkpoints,
      followers: createFollowerCursors(dataDir, logger),
      ...(storage.isShared ? { keepsCheckpoints: true, checkpointEveryMs: SHARED_CHECKPOINT_EVERY_MS } : {}),
      tokenLifeMs: () => longestTokenLifeMs(experiments),
      clock,
      logger,
    })
  }

  /** Problems in the documents as they are now. */
  get problems(): number {
    return this.#documents.problems.length
  }

  /**
   * The name of the file that an experiment belongs to. Only a folder that was named is the source of truth: the example's are there to begin
   * with, and whoever edits them over the API has them.
   */
  fileOf(id: string): string | undefined {
    if (this.#parts.config.experimentsDir === undefined) return undefined
    const file = this.#documents.fileOf(id)
    return file === undefined ? undefined : basename(file)
  }

  /** What went of the logs since the start. */
  get retained(): RetentionCounts {
    return this.#retention.counts
  }

  /** Publishes the documents as they are. @throws ConfigError where no request could be answered */
  async publishAll(): Promise<void> {
    const { config, experiments } = this.#parts
    await this.#documents.look()
    const ids = experiments.all().map(({ snapshot }) => snapshot.experiment.id)
    requireExperiment(config, ids, this.#documents.problems.map(describeProblem))
  }

  /** Looks for documents and revisions without waiting for the next turn. */
  lookNow(): void {
    void this.#documents.look()
  }

  start(): void {
    const { apiKeys, reallocator, recovery, storage } = this.#parts
    // The last start's checkpoint may be old.
    if (storage.isShared && recovery.recovered) void this.#retention.look()
    this.#timers = [
      setInterval(() => void this.#documents.look(), LOOK_EVERY_MS),
      setInterval(() => void this.#scheduler.look(), LOOK_EVERY_MS),
      setInterval(() => void this.#tryAgain(), LOOK_EVERY_MS),
      setInterval(() => void apiKeys.look(), LOOK_EVERY_MS),
      setInterval(() => void apiKeys.noteUses(), NOTE_USES_EVERY_MS),
      setInterval(() => void reallocator.tick(), REALLOCATE_EVERY_MS),
      setInterval(() => void storage.tidyUp(), TIDY_EVERY_MS),
      setInterval(() => void this.#lookForLosses(), LOOK_FOR_LOSSES_EVERY_MS),
      setInterval(() => {
        void storage.noteUnwritten()
        this.#forgetBackends()
        // What a store holds that has not caught up is no checkpoint.
        if (recovery.recovered) void this.#retention.look()
      }, RETAIN_EVERY_MS),
    ]
  }

  /** Nothing new begins. */
  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  /** What is under way has ended, or `timeoutMs` have passed: a folder on a device that hangs must not keep the process. */
  async settled(timeoutMs: number): Promise<void> {
    await within(Promise.all([this.#documents.settled(), this.#retention.settled()]), timeoutMs)
  }

  /** Does its part where shared counters were lost: nobody has to wait for a log that has no traffic. */
  async #lookForLosses(): Promise<void> {
    const { storage, flush } = this.#parts
    await storage.restoreLost()
    // What fails is counted and logged where it fails.
    if (storage.losses.some(({ isAwaited }) => isAwaited)) await Promise.allSettled([flush()])
  }

  #forgetBackends(): void {
    const { backends, experiments } = this.#parts
    const served = experiments.all().map(({ snapshot }) => snapshot.experiment)
    const needed = [...served, ...this.#documents.written].flatMap(({ variants }) => variants)
    backends.forgetUnused(needed.map(({ backend }) => backend))
  }

  /** What a full disk refused at the start is tried until there is room. */
  async #tryAgain(): Promise<void> {
    const { keys, recovery } = this.#parts
    await keys.keep()
    // Whoever folds says so when it fails.
    if (!recovery.recovered) await Promise.allSettled([recovery.recover()])
  }
}

/** Every log of a data folder that is there now, whoever writes to it. */
export async function retainedLogs(dataDir: string, logger: Logger): Promise<[RetainedLog, ...RetainedLog[]]> {
  const [first, ...others] = await logFolders(dataDir)
  const retained = ({ thread, folder }: LogFolder): RetainedLog => ({
    thread,
    segments: createLogSegments(folder),
    reader: createOutcomeReader(folder),
    marks: foldMarksOf(dataDir, thread, logger),
  })
  return [retained(first), ...others.map(retained)]
}

function longestTokenLifeMs(experiments: ServedExperiments): number {
  const definitions = experiments.all().flatMap((served) => [...served.definitions.values()])
  return Math.max(0, ...definitions.map(({ tokenLifeMs }) => tokenLifeMs))
}

/** A gateway without a single experiment can't answer anyone: that is a mistake to stop at, not to find out from traffic. */
function requireExperiment(config: Config, ids: readonly string[], problems: readonly string[]): void {
  if (ids.length === 0) throw new ConfigError(["no experiment can be served", ...problems])
  if (config.defaultExperiment !== undefined && !ids.includes(config.defaultExperiment)) {
    throw new ConfigError([
      `DEFAULT_EXPERIMENT ${config.defaultExperiment} is none of the experiments: ${ids.join(", ")}`,
      ...problems,
    ])
  }
}

/** A path in this package. */
export function packaged(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url))
}
