import type { RewardEvent } from "../domain/events.ts"
import { isAfter, type LogPosition } from "../domain/log-position.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore, FoldBatch, RewardAnswer } from "../ports/counter-store.ts"
import type { FoldMarkStore } from "../ports/fold-marks.ts"
import type { Logger } from "../ports/logger.ts"
import type { OutcomeLog } from "../ports/outcome-log.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import { catchUp } from "./catch-up.ts"
import { type Answered, type Elsewhere, ExperimentFold, type FoldCounts, type Reconciled } from "./experiment-fold.ts"
import { experimentOf, type LogEntry } from "./log-entry.ts"

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
  /** Where the store stands at the start, by experiment. */
  readonly positions: ReadonlyMap<string, LogPosition>
}

/** With many experiments each waits longer, so that the store's transactions stay bounded: at most so many a second. */
const FOLDS_PER_SECOND = 250
const MARK_EVERY_MS = 1_000
const ALIVE_EVERY_MS = 10_000
/** Lines carry the time at which they were taken, a little before they are appended. */
const APPEND_WITHIN_MS = 5_000

/** Folds what has become durable in the log into the store, by experiment. Counts are kept for metrics. */
export class FoldLoop {
  readonly counts: FoldCounts = { folds: 0, failedFolds: 0 }
  readonly #options: FoldLoopOptions
  readonly #folds = new Map<string, ExperimentFold>()
  #renewing: Promise<void> | undefined
  #markedAtMs = Number.NEGATIVE_INFINITY
  #aliveAtMs = Number.NEGATIVE_INFINITY
  /** Time up to which everything is folded, epoch milliseconds. */
  #foldedTo = 0

  constructor(options: FoldLoopOptions) {
    this.#options = options
    for (const [experiment, position] of options.positions) this.#open(experiment, position)
  }

  /** Whether the last try of any experiment failed. */
  get storeFails(): boolean {
    return [...this.#folds.values()].some(({ failing }) => failing)
  }

  /** Takes entries that are durable, in log order; all of them lie before `end`. */
  add(entries: readonly LogEntry[], end: LogPosition): void {
    const byExperiment = new Map<string, LogEntry[]>()
    for (const entry of entries) {
      const experiment = experimentOf(entry)
      if (experiment === undefined) continue
      const list = byExperiment.get(experiment)
      if (list === undefined) byExperiment.set(experiment, [entry])
      else list.push(entry)
    }
    for (const [experiment, list] of byExperiment) this.#foldOf(experiment).add(list, end)
  }

  /** @returns what this very event did, once it has been folded */
  answerTo(event: RewardEvent): Promise<RewardAnswer> {
    return this.#foldOf(event.experiment).answerTo(event)
  }

  /** The event will not be written after all. */
  forget(event: RewardEvent): void {
    this.#foldOf(event.experiment).forget(event)
  }

  /** Folds everything added so far. @throws GatewayError `store_unavailable` when the next try fails */
  async flush(): Promise<void> {
    await Promise.all([...this.#folds.values()].map((fold) => fold.flush()))
  }

  /**
   * Notes how far the log is folded, where everything durable is: call it when there is nothing in between.
   *
   * @param durable the end of what is durable
   * @param force also when it was noted a moment ago
   */
  async mark(durable: LogPosition, force = false): Promise<void> {
    const { clock, log, marks, store } = this.#options
    if (![...this.#folds.values()].every(({ isIdle }) => isIdle)) return
    this.#foldedTo = clock.now() - APPEND_WITHIN_MS
    const nowMs = clock.monotonicMs()
    if (marks !== undefined && (force || nowMs - this.#markedAtMs >= MARK_EVERY_MS)) {
      this.#markedAtMs = nowMs
      const positions: Record<string, LogPosition> = {}
      for (const [experiment, { position }] of this.#folds) if (position !== undefined) positions[experiment] = position
      await marks.save({ log: log.id, watermark: durable, positions })
    }
    if (nowMs - this.#aliveAtMs >= ALIVE_EVERY_MS) {
      this.#aliveAtMs = nowMs
      await store.alive(log.id, this.#foldedTo)
    }
  }

  /** No further fold starts. What isn't folded is folded from the log by the next start. */
  stop(): void {
    for (const fold of this.#folds.values()) fold.stop()
  }

  #foldOf(experiment: string): ExperimentFold {
    return this.#folds.get(experiment) ?? this.#open(experiment, undefined)
  }

  #open(experiment: string, position: LogPosition | undefined): ExperimentFold {
    const { store, clock, logger, log, foldEveryMs } = this.#options
    const fold = new ExperimentFold(experiment, position, {
      store,
      clock,
      logger,
      counts: this.counts,
      foldEveryMs: () => Math.max(foldEveryMs, (1_000 * this.#folds.size) / FOLDS_PER_SECOND),
      logId: () => log.id,
      reconcile: (batch, found, answered) => this.#reconcile(batch, found, answered),
    })
    this.#folds.set(experiment, fold)
    return fold
  }

  async #reconcile(batch: FoldBatch, found: Elsewhere, answered: Answered): Promise<Reconciled> {
    const { log, logger, reader, store } = this.#options
    if (batch.log !== log.id) return { batch: { ...batch, log: log.id, from: undefined } }
    if (found.status === "lapsed") return await this.#underNewId(batch, "it was away for too long")
    const { position } = found
    const { experiment } = batch
    if (reader === undefined) return { batch: { ...batch, from: position } }
    if (position !== undefined && !(await reader.reaches(position))) {
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
