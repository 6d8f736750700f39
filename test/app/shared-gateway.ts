import { expect } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { createLogSegments } from "#src/adapters/ndjson/log-segments.ts"
import { type NdjsonOutcomeLog, openOutcomeLog } from "#src/adapters/ndjson/outcome-log.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { createCheckpointFiles } from "#src/adapters/node-files/checkpoints.ts"
import { createFoldMarkFile } from "#src/adapters/node-files/fold-marks.ts"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { LOSS_WAITS } from "#src/adapters/redis/losses.ts"
import { catchUp } from "#src/app/catch-up.ts"
import { createRecorder, type Recorder } from "#src/app/recorder.ts"
import { recover } from "#src/app/recover.ts"
import { createRecoveringMarks, createRecoveringStore, type RecoveringStore } from "#src/app/recovering-store.ts"
import { SharedRestore } from "#src/app/restore-shared.ts"
import { GatewayError } from "#src/domain/errors.ts"
import type { LogPosition } from "#src/domain/log-position.ts"
import type { ConnectedClients } from "#test/adapters/redis/connected.ts"
import { countedIn } from "#test/contract/opened-store.ts"
import { decisionEvent, factsOf, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

/** A log file holds some lines of these tests. */
const FILE_BYTES = 4_000

type Outcome = Parameters<typeof rewardEvent>[0]

/** A gateway's log, counters and checkpoints over a Redis that others share, as the entry puts them together. */
export class SharedGateway {
  readonly folder = temporaryFolder()
  readonly logger = createRememberingLogger()
  readonly reader = createOutcomeReader(this.folder)
  readonly segments = createLogSegments(this.folder)
  readonly checkpoints = createCheckpointFiles(this.folder, this.logger)
  readonly #clients: ConnectedClients
  readonly #clock = new SharedClock()
  readonly #waits: typeof LOSS_WAITS
  store!: ReturnType<typeof createRedisCounterStore>
  sharing!: SharedRestore
  log!: NdjsonOutcomeLog
  recorder!: Recorder
  #recovering!: RecoveringStore
  #isStopped = false
  #taking: Promise<unknown>[] = []

  constructor(clients: ConnectedClients, waits: Partial<typeof LOSS_WAITS> = {}) {
    this.#clients = clients
    this.#waits = { ...LOSS_WAITS, ...waits }
  }

  /** Starts anew over what the folder has. */
  async start(): Promise<this> {
    const { folder, logger, checkpoints, reader, segments } = this
    this.store = createRedisCounterStore(this.#clients, this.#clock, logger, this.#waits)
    this.sharing = new SharedRestore({
      logs: async () => [{ reader, segments }],
      store: this.store,
      checkpoints,
      logger,
    })
    this.log = await openOutcomeLog({ folder, logger, maxFileBytes: FILE_BYTES, syncAfterMs: 60_000 })
    this.#isStopped = false
    await this.sharing.know()
    await this.#record()
    await this.look()
    return this
  }

  /** What the entry does every few seconds. */
  async look(): Promise<void> {
    await this.sharing.look()
    await unlessAway(() => this.#recovering.recover())
  }

  /** Outcomes are taken from now on, and folded once those of earlier starts are. */
  async #record(): Promise<void> {
    const { reader, log, store, logger } = this
    const until = await reader.end()
    const marks = createFoldMarkFile(this.folder, logger)
    const positions = new Map<string, LogPosition>()
    const recovering = createRecoveringStore(store, async () => {
      const recovered = await recover({ reader, log, store, marks, logger, until })
      for (const [experiment, position] of recovered.positions) positions.set(experiment, position)
    })
    this.#recovering = recovering
    this.recorder = createRecorder({
      log,
      store: recovering,
      reader,
      marks: createRecoveringMarks(marks, recovering),
      positions,
      unfoldedTo: () => (recovering.recovered ? undefined : until),
      clock: this.#clock,
      logger,
      foldEveryMs: 1,
    })
  }

  /** A decision with a reward. */
  take(decisionId: string, experiment = "banner-ctr"): void {
    const decision = decisionEvent({ decisionId, experiment })
    this.#taking.push(this.recorder.recordDecision(JSON.stringify(decision), factsOf(decision)))
    this.reward({ decisionId, experiment })
  }

  reward(outcome: Outcome): void {
    this.#taking.push(this.recorder.recordRewards([rewardEvent(outcome)]))
  }

  /** Folds what it has taken. @returns whether the store took it */
  async flush(): Promise<boolean> {
    await Promise.all(this.#taking.splice(0))
    return await unlessAway(() => this.recorder.flush())
  }

  async checkpoint(): Promise<void> {
    await this.flush()
    const watermark = (await this.reader.end()) ?? { file: 1, offset: 0, hash: "" }
    const head = { logs: [{ log: this.log.id, watermark }], foldedTo: this.#clock.now() } as const
    const { bytes } = await this.store.pack()
    await this.checkpoints.write(head, [], bytes)
  }

  /** Ends without another fold. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    await Promise.all(this.#taking.splice(0))
    await this.recorder.close()
  }
}

/** @returns false where the store was away */
async function unlessAway(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    if (error instanceof GatewayError && error.code === "store_unavailable") return false
    throw error
  }
}

/** Gateways that look and fold until nothing is lacking. */
export async function untilWhole(gateways: readonly SharedGateway[]): Promise<void> {
  const settle = async () => {
    const folded: boolean[] = []
    for (const gateway of gateways) await gateway.look()
    for (const gateway of gateways) folded.push(await gateway.flush())
    for (const gateway of gateways) await gateway.look()
    return folded.every(Boolean) && gateways.every(({ sharing }) => sharing.losses.length === 0)
  }
  await expect.poll(settle, { timeout: 30_000, interval: 50 }).toBe(true)
}

/** What the logs say, each folded once. */
export async function loggedBy(gateways: readonly SharedGateway[]) {
  const store = createMemoryCounterStore(new SharedClock())
  for (const { reader, log } of gateways) {
    const others = { readFrom: undefined, position: undefined }
    await catchUp({ reader, store, log: log.id, stands: new Map(), others, until: undefined })
  }
  return await countedIn(store)
}
