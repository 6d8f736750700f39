import { readdirSync, readFileSync, statSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { openOutcomeLog } from "#src/adapters/ndjson/outcome-log.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { createRecorder, type Recorder } from "#src/app/recorder.ts"
import { recover } from "#src/app/recover.ts"
import type { OutcomeEvent, RewardEvent } from "#src/domain/events.ts"
import { parseOutcomeLine } from "#src/domain/outcome-line.ts"
import type { CounterArchive } from "#src/ports/counter-archive.ts"
import type { CounterStore } from "#src/ports/counter-store.ts"
import type { OutcomeReader } from "#src/ports/outcome-reader.ts"
import { FaultyDisk } from "#test/adapters/ndjson/faulty-disk.ts"
import { GatedStore } from "#test/app/gated-store.ts"
import { decisionEvent, factsOf } from "#test/outcomes.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"

/** What a gateway has in memory, and what stands between it and the world. */
interface Life {
  readonly recorder: Recorder
  readonly disk: FaultyDisk
  readonly gate: GatedStore
}

/** One data folder and store, and the gateways that live and die over them. */
export class World {
  /** Rewards that were answered `applied`, `duplicate` or `accepted`. */
  readonly acknowledged: RewardEvent[] = []
  /** Decisions that were answered as written, since the last power failure. */
  readonly answered = new Set<string>()
  readonly #folder: string
  readonly #store: CounterStore & CounterArchive
  #life: Life
  #pending: Promise<unknown>[] = []

  private constructor(folder: string, store: CounterStore & CounterArchive, life: Life) {
    this.#folder = folder
    this.#store = store
    this.#life = life
  }

  static async begin(folder: string, store: CounterStore & CounterArchive): Promise<World> {
    return new World(folder, store, await live(folder, store))
  }

  get disk(): FaultyDisk {
    return this.#life.disk
  }

  get gate(): GatedStore {
    return this.#life.gate
  }

  decide(decisionId: string): void {
    const event = decisionEvent({ decisionId })
    const recorded = this.#life.recorder.recordDecision(JSON.stringify(event), factsOf(event))
    this.#pending.push(recorded.then((written) => written && this.answered.add(decisionId)))
  }

  reward(event: RewardEvent): void {
    const recorded = this.#life.recorder.recordRewards([event])
    // A refusal is an answer too, and nobody may be waiting for it yet.
    this.#pending.push(
      recorded.then(
        () => this.acknowledged.push(event),
        () => undefined,
      ),
    )
  }

  async settle(): Promise<void> {
    await Promise.allSettled(this.#pending.splice(0))
  }

  /**
   * Ends the gateway's life, whatever it was doing, and begins the next.
   *
   * @param keep undefined: the process is killed, everything written stays. 0 to 1: the power fails, and of what wasn't durable only this
   *             share stays.
   */
  async crash(keep: number | undefined): Promise<void> {
    const { disk, gate, recorder } = this.#life
    for (const operation of ["open", "write", "truncate", "rename", "datasync"] as const) disk.fail(operation, "EIO")
    gate.state = "refuses"
    await this.settle()
    await recorder.close()
    if (keep !== undefined) this.#losePower(keep)
    this.#life = await live(this.#folder, this.#store, disk.durableBytes)
  }

  get reader(): OutcomeReader {
    return createOutcomeReader(this.#folder)
  }

  /** Nothing fails from here on. */
  async mend(): Promise<void> {
    this.disk.heal()
    this.gate.state = "open"
    await this.settle()
    // What a failed sync took is written again before the next line.
    this.decide("mended")
    await this.settle()
    await this.#life.recorder.flush()
  }

  async end(): Promise<void> {
    await this.#life.recorder.close()
  }

  /** Every event of the log, read without the code under test but for the parser. */
  events(): OutcomeEvent[] {
    const lines = this.#files().flatMap((path) => readFileSync(path, "utf8").split("\n").slice(0, -1))
    return lines.flatMap((line) => parseOutcomeLine(line) ?? [])
  }

  #files(): string[] {
    return readdirSync(this.#folder)
      .filter((name) => name.endsWith(".ndjson"))
      .toSorted()
      .map((name) => join(this.#folder, name))
  }

  #losePower(keep: number): void {
    for (const path of this.#files()) {
      const durable = this.disk.durableBytes.get(path) ?? 0
      truncateSync(path, durable + Math.floor(keep * (statSync(path).size - durable)))
    }
    this.answered.clear()
  }
}

async function live(
  folder: string,
  store: CounterStore & CounterArchive,
  durableBytes = new Map<string, number>(),
): Promise<Life> {
  const logger = createRememberingLogger()
  const disk = new FaultyDisk(durableBytes)
  const gate = new GatedStore(store)
  const log = await openOutcomeLog({ folder, logger, disk, maxFileBytes: 4_000, syncAfterMs: 60_000 })
  const reader = createOutcomeReader(folder)
  const { positions } = await recover({ reader, log, store: gate, logger })
  const recorder = createRecorder({
    log,
    reader,
    positions,
    store: gate,
    clock: realClock,
    logger,
    foldEveryMs: 1,
    answerWithinMs: 15,
    closeWithinMs: 30,
    // Two that wait for the store are many.
    maxPendingRewards: 10,
  })
  return { recorder, disk, gate }
}
