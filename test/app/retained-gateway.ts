import { existsSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
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
import { createRecorder } from "#src/app/recorder.ts"
import { recover } from "#src/app/recover.ts"
import { createRestoreRevisions } from "#src/app/restore-revisions.ts"
import { restoreStore } from "#src/app/restore-store.ts"
import { LogRetention } from "#src/app/retain-log.ts"
import type { RewardEvent } from "#src/domain/events.ts"
import type { RetentionBounds } from "#src/domain/retention.ts"
import type { FoldMarks } from "#src/ports/fold-marks.ts"
import type { LogSegments } from "#src/ports/log-segments.ts"
import { decisionEvent, factsOf, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"

const HOUR_MS = 3_600_000
export const FILE_BYTES = 12_000
const quiet = () => {}

/** A data folder with small log files, and a clock that tests move. Tokens live two hours, as those of `rewardEvent` do. */
export class RetainedGateway {
  readonly folder: string
  readonly clock = new SharedClock()
  readonly logger = createRememberingLogger()
  readonly reader
  /** Every reward that was taken, with the time of its decision. */
  readonly rewards: RewardEvent[] = []
  decisions = 0
  /** What the disk refuses: to list the files of the log, or to delete one. */
  refuses: "nothing" | "list" | "remove" = "nothing"
  /** How far the retention takes the log for folded; undefined: as far as it is. */
  stalledMarks: FoldMarks | undefined

  constructor(folder: string) {
    this.folder = folder
    this.reader = createOutcomeReader(this.outcomes)
  }

  get outcomes(): string {
    return join(this.folder, "outcomes")
  }

  get segments(): LogSegments {
    const segments = createLogSegments(this.outcomes)
    const refused = () => Promise.reject(new Error("the disk refuses"))
    return {
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
    const { clock, logger, reader, checkpoints, segments } = this
    const store = this.openStore()
    const marks = createFoldMarkFile(this.folder, logger)
    const log = await openOutcomeLog({ folder: this.outcomes, logger, maxFileBytes: FILE_BYTES, syncAfterMs: 60_000 })
    const restore = createRestoreRevisions(store.experiments, logger)
    const lostFiles = await restoreStore({ readers: [reader], store, checkpoints, logger, restore })
    const recovered = { lostFiles, ...(await recover({ reader, log, store, marks, logger, restore })) }
    const { positions } = recovered
    const recorder = createRecorder({ log, store, reader, marks, clock, logger, positions, foldEveryMs: 1 })
    const retention = new LogRetention({
      bounds: { maxBytes: undefined, maxAgeMs: undefined, ...bounds },
      logs: [{ thread: 1, segments, reader, marks: { load: async () => this.stalledMarks ?? (await marks.load()) } }],
      archive: store,
      experiments: store.experiments,
      checkpoints,
      followers: createFollowerCursors(this.folder, logger),
      tokenLifeMs: () => 2 * HOUR_MS,
      clock,
      logger,
    })
    /** An hour of traffic: ten decisions, seven rewards, and then the retention looks. */
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
        void recorder.recordDecision(JSON.stringify(event), factsOf(event))
      }
      const rewards = [0, 1, 2, 3, 4, 5, 6].map((index) =>
        rewardEvent({ decisionId: `D${first + index}`, decidedAt, group: index, stickiness: "request" }),
      )
      await recorder.recordRewards(rewards)
      this.rewards.push(...rewards)
      await recorder.flush()
      clock.pass(HOUR_MS)
      await retention.look()
    }
    const hours = async (count: number, after: () => void = quiet) => {
      for (let done = 0; done < count; done++) {
        await hour()
        after()
      }
    }
    return { store, log, recorder, recovered, retention, hour, hours }
  }

  async check() {
    const store = this.openStore()
    try {
      return await check(
        { readers: [this.reader], archive: store, now: this.clock.now(), checkpoints: this.checkpoints },
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
      return await rebuild({ readers: [this.reader], store, restore, checkpoints: this.checkpoints }, quiet)
    } finally {
      await store.close()
    }
  }
}
