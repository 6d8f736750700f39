import { existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { logFolder } from "#src/adapters/ndjson/log-folders.ts"
import { createLogSegments } from "#src/adapters/ndjson/log-segments.ts"
import { openOutcomeLog } from "#src/adapters/ndjson/outcome-log.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { createCheckpointFiles } from "#src/adapters/node-files/checkpoints.ts"
import { createFoldMarkFile } from "#src/adapters/node-files/fold-marks.ts"
import { createFollowerCursors } from "#src/adapters/node-files/follower-cursors.ts"
import { createSqliteCounterStore } from "#src/adapters/sqlite/counter-store.ts"
import { Database } from "#src/adapters/sqlite/database.ts"
import { createSqliteExperimentStore } from "#src/adapters/sqlite/experiment-store.ts"
import { check, rebuild } from "#src/app/rebuild.ts"
import { createRecorder, type Recorder } from "#src/app/recorder.ts"
import { recover } from "#src/app/recover.ts"
import { createRestoreRevisions } from "#src/app/restore-revisions.ts"
import { restoreStore } from "#src/app/restore-store.ts"
import { LogRetention, type RetainedLog } from "#src/app/retain-log.ts"
import type { RewardEvent } from "#src/domain/events.ts"
import type { RetentionBounds } from "#src/domain/retention.ts"
import type { FoldMarks } from "#src/ports/fold-marks.ts"
import type { LogSegments } from "#src/ports/log-segments.ts"
import type { OutcomeReader } from "#src/ports/outcome-reader.ts"
import { decisionEvent, factsOf, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"

const HOUR_MS = 3_600_000
export const FILE_BYTES = 12_000
const quiet = () => {}

type Thread = Awaited<ReturnType<RetainedGateway["startThread"]>>

/** A data folder with small log files, and a clock that tests move. Tokens live two hours, as those of `rewardEvent` do. */
export class RetainedGateway {
  readonly folder: string
  readonly clock = new SharedClock()
  readonly logger = createRememberingLogger()
  /** One for the log of each thread. */
  readonly readers
  readonly reader
  /** Every reward that was taken, with the time of its decision. */
  readonly rewards: RewardEvent[] = []
  decisions = 0
  /** What the disk refuses: to list the files of the log, or to delete one. */
  refuses: "nothing" | "list" | "remove" = "nothing"
  /** How far the retention takes the log for folded; undefined: as far as it is. */
  stalledMarks: FoldMarks | undefined

  /** @param threads how many logs take turns, one decision each */
  constructor(folder: string, threads = 1) {
    this.folder = folder
    this.reader = createOutcomeReader(this.outcomes)
    const others = Array.from({ length: threads - 1 }, (_, index) => createOutcomeReader(logFolder(folder, index + 2)))
    this.readers = [this.reader, ...others] as const
  }

  get outcomes(): string {
    return join(this.folder, "outcomes")
  }

  segmentsOf(thread: number): LogSegments {
    const segments = createLogSegments(logFolder(this.folder, thread))
    const refused = () => Promise.reject(new Error("the disk refuses"))
    return {
      ...segments,
      list: () => (this.refuses === "list" ? refused() : segments.list()),
      remove: (file) => (this.refuses === "remove" ? refused() : segments.remove(file)),
    }
  }

  get checkpoints() {
    return createCheckpointFiles(this.folder, this.logger)
  }

  get files(): readonly string[] {
    return readdirSync(this.outcomes).filter((name) => name.endsWith(".ndjson"))
  }

  get logBytes(): number {
    return this.files.reduce((sum, name) => sum + statSync(join(this.outcomes, name)).size, 0)
  }

  get checkpointFiles(): readonly string[] {
    const folder = join(this.folder, "checkpoints")
    return existsSync(folder) ? readdirSync(folder).sort() : []
  }

  openStore() {
    const settings = { path: join(this.folder, "gateway.db"), clock: this.clock.shared }
    const database = new Database(settings, this.logger)
    return { ...createSqliteCounterStore(database), experiments: createSqliteExperimentStore(database) }
  }

  async start(bounds: Partial<RetentionBounds>) {
    const { clock, logger, readers, checkpoints } = this
    const store = this.openStore()
    const restore = createRestoreRevisions(store.experiments, logger)
    const lostFiles = await restoreStore({ readers, store, checkpoints, logger, restore })
    const threads = await Promise.all(readers.map((reader, index) => this.startThread(index + 1, reader, store)))
    const [first, ...others] = threads as [Thread, ...Thread[]]
    const { log, recovered, recorder } = first
    const retained = ({ thread, reader, marks }: Thread): RetainedLog => ({
      thread,
      reader,
      segments: this.segmentsOf(thread),
      marks: { load: async () => (thread === 1 ? this.stalledMarks : undefined) ?? (await marks.load()) },
    })
    const retention = new LogRetention({
      bounds: { maxBytes: undefined, maxAgeMs: undefined, ...bounds },
      logs: [retained(first), ...others.map(retained)],
      archive: store,
      experiments: store.experiments,
      checkpoints,
      followers: createFollowerCursors(this.folder, logger),
      tokenLifeMs: () => 2 * HOUR_MS,
      clock,
      logger,
    })
    const recorderOf = (index: number): Recorder => (threads[index % threads.length] ?? first).recorder
    /** An hour of traffic: ten decisions, seven rewards, each to the thread after its decision's, and then the retention looks. */
    const hour = async () => {
      const decidedAt = clock.now()
      const first = this.decisions
      for (let index = 0; index < 10; index++) {
        const event = decisionEvent({
          decisionId: `D${this.decisions++}`,
          decidedAt,
          group: index,
          stickiness: "request",
        })
        void recorderOf(index).recordDecision(JSON.stringify(event), factsOf(event))
      }
      const rewards = [0, 1, 2, 3, 4, 5, 6].map((index) =>
        rewardEvent({ decisionId: `D${first + index}`, decidedAt, group: index, stickiness: "request" }),
      )
      await Promise.all(rewards.map((event, index) => recorderOf(index + 1).recordRewards([event])))
      this.rewards.push(...rewards)
      for (const thread of threads) await thread.recorder.flush()
      clock.pass(HOUR_MS)
      await retention.look()
    }
    const hours = async (count: number, after: () => void = quiet) => {
      for (let done = 0; done < count; done++) {
        await hour()
        after()
      }
    }
    const close = async () => {
      for (const thread of others) await thread.recorder.flush()
      await recorder.close()
    }
    return {
      store,
      log,
      recorder: { ...recorder, close },
      recovered: { lostFiles, ...recovered },
      retention,
      hour,
      hours,
    }
  }

  async startThread(thread: number, reader: OutcomeReader, store: ReturnType<RetainedGateway["openStore"]>) {
    const { clock, logger } = this
    const folder = logFolder(this.folder, thread)
    const marks = createFoldMarkFile(thread === 1 ? this.folder : folder, logger)
    const log = await openOutcomeLog({ folder, logger, maxFileBytes: FILE_BYTES, syncAfterMs: 60_000 })
    const restore = createRestoreRevisions(store.experiments, logger)
    const recovered = await recover({ reader, log, store, marks, logger, restore })
    const { positions } = recovered
    const recorder = createRecorder({ log, store, reader, marks, clock, logger, positions, foldEveryMs: 1 })
    return { thread, reader, marks, log, recovered, recorder }
  }

  async check() {
    const store = this.openStore()
    try {
      return await check(
        { readers: this.readers, archive: store, now: this.clock.now(), checkpoints: this.checkpoints },
        quiet,
      )
    } finally {
      await store.close()
    }
  }

  async rebuild() {
    const store = this.openStore()
    try {
      const restore = createRestoreRevisions(store.experiments, this.logger)
      return await rebuild({ readers: this.readers, store, restore, checkpoints: this.checkpoints }, quiet)
    } finally {
      await store.close()
    }
  }
}
