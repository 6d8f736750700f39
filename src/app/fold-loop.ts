import { entryOf } from "../domain/entry-of.ts"
import { isAfter, type LogId, type LogPosition } from "../domain/log-position.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore, FoldBatch } from "../ports/counter-store.ts"
import type { FoldMarkStore } from "../ports/fold-marks.ts"
import type { Logger } from "../ports/logger.ts"
import type { OutcomeLog } from "../ports/outcome-log.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import { catchUp, isBehind } from "./catch-up.ts"
import { type Answered, type Elsewhere, ExperimentFold, type FoldCounts, type Reconciled } from "./experiment-fold.ts"
import { APPEND_WITHIN_MS, experimentOf, type LogEntry } from "./log-entry.ts"
import type { DurablePlace } from "./unsynced-entries.ts"

export interface FoldLoopOptions {
  readonly log: OutcomeLog
  readonly store: CounterStore
  /** Undefined where the log can't be read again: what a store has lost then stays lost. */
  readonly reader: OutcomeReader | undefined
  /** Undefined where nothing outlives the process. */
  readonly marks: FoldMarkStore | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly foldEveryMs: number
  /** Rewards that wait in memory beyond which they are forgotten, and read from the log when the store takes them again. */
  readonly maxWaitingRewards: number
  /** Where the store stood in what earlier starts have logged, by experiment. May be filled later. */
  readonly positions: ReadonlyMap<string, LogPosition>
  /** Where the lines of earlier starts end while they aren't all folded; undefined once they are, and of what isn't in `positions` there are none. */
  readonly unfoldedTo: () => LogPosition | undefined
}

/** With many experiments each waits longer, so that the store's transactions stay bounded: at most so many a second. */
const FOLDS_PER_SECOND = 250
const MARK_EVERY_MS = 1_000
const ALIVE_EVERY_MS = 10_000

/** Folds what has become durable in the log into the store, by experiment. Counts are kept for metrics. */
export class FoldLoop {
  readonly counts: FoldCounts = { folds: 0, failedFolds: 0 }
  readonly #options: FoldLoopOptions
  readonly #folds = new Map<string, ExperimentFold>()
  /** The id that `positions` and `unfoldedTo` are about. */
  readonly #startedUnder: LogId
  #renewing: Promise<void> | undefined
  #markedAtMs = Number.NEGATIVE_INFINITY
  #aliveAtMs = Number.NEGATIVE_INFINITY
  /** The newest, with everything before it added. */
  #durable: DurablePlace | undefined
  /** The one that is noted when all of it is folded. */
  #toReach: DurablePlace | undefined
  #noting: Promise<void> = Promise.resolve()

  constructor(options: FoldLoopOptions) {
    this.#options = options
    this.#startedUnder = options.log.id
    this.#openKnown()
  }

  /** Of experiments without traffic too it is noted where they stand: a store that was emptied needs them. */
  #openKnown(): void {
    for (const experiment of this.#options.positions.keys()) this.#foldOf(experiment)
  }

  /** Whether the last try of any experiment failed. */
  get storeFails(): boolean {
    return [...this.#folds.values()].some(({ failing }) => failing)
  }

  /**
   * Takes all entries between the place before and this one, in log order. Once everything before a place is folded, that is noted: beside the
   * log, and in the store, which forgets credits by it.
   */
  add(entries: readonly LogEntry[], place: DurablePlace): void {
    const byExperiment = new Map<string, LogEntry[]>()
    for (const entry of entries) {
      const experiment = experimentOf(entry)
      if (experiment !== undefined) entryOf(byExperiment, experiment, (): LogEntry[] => []).push(entry)
    }
    for (const [experiment, list] of byExperiment) this.#foldOf(experiment).add(list, place.end)
    this.#forgetTooMany()
    // One place at a time: under steady traffic the newest is never folded, an older one soon is.
    this.#durable = place
    this.#toReach ??= place
    this.#noteReached()
  }

  #forgetTooMany(): void {
    const { maxWaitingRewards, reader } = this.#options
    if (reader === undefined) return
    let waiting = 0
    for (const fold of this.#folds.values()) waiting += fold.waitingRewards
    if (waiting > maxWaitingRewards) for (const fold of this.#folds.values()) fold.forget()
  }

  /** Folds everything added so far. @throws GatewayError `store_unavailable` when the next try fails */
  async flush(): Promise<void> {
    await Promise.all([...this.#folds.values()].map((fold) => fold.flush()))
  }

  /**
   * Notes at once how far everything is folded. Never rejects.
   *
   * @param addedAt epoch milliseconds: what was appended until then is durable and was added. A log without traffic is heard of that way
   */
  async note(addedAt: number): Promise<void> {
    this.#markedAtMs = Number.NEGATIVE_INFINITY
    if (this.#durable !== undefined) {
      this.#durable = { end: this.#durable.end, heardAt: Math.max(this.#durable.heardAt, addedAt) }
    }
    this.#toReach = this.#durable
    this.#noteReached()
    await this.#noting
    this.#openKnown()
    await Promise.all(Array.from(this.#folds.values(), (fold) => fold.check()))
  }

  #noteReached(): void {
    const reached = this.#toReach
    if (reached === undefined) return
    for (const fold of this.#folds.values()) if (!fold.hasReached(reached.end)) return
    this.#toReach = undefined
    this.#noting = this.#noting.then(() => this.#noteAll(reached))
  }

  async #noteAll({ end, heardAt }: DurablePlace): Promise<void> {
    const { clock, log, logger, marks, store } = this.#options
    const nowMs = clock.monotonicMs()
    if (marks !== undefined && nowMs - this.#markedAtMs >= MARK_EVERY_MS) {
      this.#markedAtMs = nowMs
      this.#openKnown()
      const positions: Record<string, LogPosition> = {}
      for (const [experiment, { position }] of this.#folds) if (position !== undefined) positions[experiment] = position
      await marks.save({ log: log.id, watermark: end, positions })
    }
    if (nowMs - this.#aliveAtMs < ALIVE_EVERY_MS) return
    this.#aliveAtMs = nowMs
    try {
      await store.alive(log.id, heardAt - APPEND_WITHIN_MS)
    } catch (error) {
      logger.warn({ err: error }, "the store can't be told how far the log is folded")
    }
  }

  /** No further fold starts. What isn't folded is folded from the log by the next start. */
  stop(): void {
    for (const fold of this.#folds.values()) fold.stop()
  }

  #foldOf(experiment: string): ExperimentFold {
    return entryOf(this.#folds, experiment, () => this.#open(experiment))
  }

  #open(experiment: string): ExperimentFold {
    const { store, clock, logger, log, foldEveryMs, positions, unfoldedTo } = this.#options
    const ofStart = <T>(value: T) => (log.id === this.#startedUnder ? value : undefined)
    return new ExperimentFold(experiment, ofStart(positions.get(experiment)), {
      store,
      clock,
      logger,
      counts: this.counts,
      foldEveryMs: () => Math.max(foldEveryMs, (1_000 * this.#folds.size) / FOLDS_PER_SECOND),
      logId: () => log.id,
      begin: () => ofStart(positions.get(experiment) ?? unfoldedTo()),
      reconcile: (batch, found, answered) => this.#reconcile(batch, found, answered),
      folded: () => this.#noteReached(),
    })
  }

  async #reconcile(batch: FoldBatch, found: Elsewhere, answered: Answered): Promise<Reconciled> {
    const { log, logger, reader, store } = this.#options
    if (batch.log !== log.id) return { batch: { ...batch, log: log.id, from: undefined } }
    if (found.status === "lapsed") return await this.#underNewId(batch, "it was away for too long")
    const { position } = found
    const { experiment } = batch
    if (reader === undefined) return { batch: { ...batch, from: position } }
    // A store that was restored may stand in a file that was deleted since.
    if (position !== undefined && !isBehind(position, await reader.begin()) && !(await reader.reaches(position))) {
      return await this.#underNewId(batch, "another log has been folded under its id")
    }
    if (position !== undefined && !isAfter(batch.end, position)) return { position }
    logger.warn({ experiment, position: position ?? null }, "the store stands elsewhere than the log was folded to")
    const stand = { readFrom: position ?? log.since, position }
    await catchUp({
      reader,
      store,
      log: log.id,
      stands: new Map([[experiment, stand]]),
      others: undefined,
      until: batch.end,
      answered,
    })
    return { position: batch.end }
  }

  /** This batch was never folded under the old id, whoever has used that: it is the first of the new one. */
  async #underNewId(batch: FoldBatch, why: string): Promise<Reconciled> {
    const { log, logger } = this.#options
    this.#renewing ??= log.renew().finally(() => {
      this.#renewing = undefined
    })
    await this.#renewing
    logger.warn({ old: batch.log, id: log.id, why }, "the outcome log goes by a new id")
    return { batch: { ...batch, log: log.id, from: undefined } }
  }
}
