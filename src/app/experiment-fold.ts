import { GatewayError } from "../domain/errors.ts"
import type { RewardEvent } from "../domain/events.ts"
import { isAfter, type LogId, type LogPosition } from "../domain/log-position.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore, FoldBatch, RewardAnswer } from "../ports/counter-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { LogEntry, RewardEntry } from "./log-entry.ts"
import { PendingFold } from "./pending-fold.ts"

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5_000
/** A store that stands elsewhere each time it is asked is folded into by another process. */
const MOST_RECONCILED = 3

export interface FoldCounts {
  folds: number
  failedFolds: number
}

/** What all experiments of one log share. */
export interface FoldContext {
  readonly store: CounterStore
  readonly clock: Clock
  readonly logger: Logger
  readonly counts: FoldCounts
  /** How long decisions gather before they are folded, milliseconds. */
  readonly foldEveryMs: () => number
  readonly logId: () => LogId
  /** Where the first batch begins: undefined only where the log has nothing before it, since a store that knows nothing takes it for the first. */
  readonly begin: () => LogPosition | undefined
  /** Settles a batch that begins elsewhere than where the store stands. */
  readonly reconcile: (batch: FoldBatch, found: Elsewhere, answered: Answered) => Promise<Reconciled>
  /** Called when a fold is done. */
  readonly folded: () => void
}

/** The batch to try instead, or where the store stands now that all of it is folded. */
export type Reconciled = { readonly batch: FoldBatch } | { readonly position: LogPosition }

export type Elsewhere = Exclude<Awaited<ReturnType<CounterStore["fold"]>>, { readonly status: "folded" }>
export type Answered = (rewards: readonly RewardEvent[], answers: readonly RewardAnswer[]) => void

/**
 * Folds one experiment's part of the log into the store: one fold at a time, in log order; decisions every `foldEveryMs`, rewards at once.
 *
 * A fold that fails is tried again as it was, with growing pauses: it may have been committed before its answer was lost, and only the same
 * end makes the store notice.
 */
export class ExperimentFold {
  readonly #context: FoldContext
  readonly #pending: PendingFold
  /** Of the rewards that are pending, in their order. */
  #rewards: RewardEntry[] = []
  /** Where the store stands, under which log id. */
  #stand: { readonly log: LogId; readonly position: LogPosition } | undefined
  /** Up to where the log is durable; entries added so far lie before it. */
  #end: LogPosition | undefined
  /** Where what was forgotten ends. */
  #forgottenTo: LogPosition | undefined
  #flushing: PromiseWithResolvers<void>[] = []
  #running = false
  /** End of what is being folded now. */
  #folding: LogPosition | undefined
  #stopped = false
  #failing = false
  #lastFoldAt: number
  #timer: ReturnType<typeof setTimeout> | undefined
  #wake: () => void = () => {}

  constructor(experiment: string, position: LogPosition | undefined, context: FoldContext) {
    this.#context = context
    this.#pending = new PendingFold(experiment)
    this.#stand = position === undefined ? undefined : { log: context.logId(), position }
    this.#lastFoldAt = context.clock.monotonicMs()
  }

  /** Whether the last try failed: what is written waits in memory and in the log. */
  get failing(): boolean {
    return this.#failing
  }

  /** How many rewards wait in memory for the next fold. */
  get waitingRewards(): number {
    return this.#rewards.length
  }

  /** Whether everything that lies before a durable place is folded. */
  hasReached(end: LogPosition): boolean {
    if (this.#folding === undefined && !this.#hasWork) return true
    const { position } = this
    return position !== undefined && !isAfter(end, position)
  }

  /** Where the last fold ended. */
  get position(): LogPosition | undefined {
    return this.#stand?.position
  }

  /** Takes entries that are durable, in log order; all of them lie before `end`. */
  add(entries: readonly LogEntry[], end: LogPosition): void {
    for (const entry of entries) {
      this.#pending.add(entry)
      if (entry.kind === "reward") this.#rewards.push(entry)
    }
    this.#end = end
    if (this.#running || this.#stopped) return
    // Every batch asks the clock whether a fold is due. The timer is for the last batch, which no other follows; some runtimes
    // cancel timers when the request that set them is answered, so a fold must not depend on it.
    if (this.#isDue()) this.#start()
    else this.#timer ??= setTimeout(() => this.#start(), this.#context.foldEveryMs())
  }

  /** Keeps in memory nothing of what waits for a fold that is tried: it is read from the log again once that is done. */
  forget(): void {
    if (!this.#running || this.#pending.isEmpty || this.#end === undefined) return
    this.#take(this.#end)
    this.#forgottenTo = this.#end
    for (const reward of this.#rewards.splice(0)) reward.settle?.()
  }

  /** Folds everything added so far. @throws GatewayError `store_unavailable` when the next try fails */
  flush(): Promise<void> {
    const flush = Promise.withResolvers<void>()
    this.#flushing.push(flush)
    this.#wake()
    if (!this.#running) this.#start()
    return flush.promise
  }

  /**
   * Looks whether the store stands where this gateway has left it, unless a fold is about to tell: one that was emptied is folded into again
   * though nothing comes. Never rejects: what fails is looked at again.
   */
  async check(): Promise<void> {
    const { store, reconcile, logId } = this.#context
    const stand = this.#stand
    if (this.#running || this.#stopped || this.#hasWork || stand?.log !== logId()) return
    const { log, position } = stand
    this.#running = true
    try {
      const nothing = this.#pending.take(log, position, position)
      const answer = await store.fold(nothing)
      if (answer.status !== "folded") await reconcile(nothing, answer, () => {})
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
    } finally {
      this.#running = false
      if (this.#hasWork && !this.#stopped) this.#start()
      else for (const { resolve } of this.#flushing.splice(0)) resolve()
    }
  }

  /** No further fold starts. What isn't folded is folded from the log by the next start. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#wake()
  }

  get #hasWork(): boolean {
    return !this.#pending.isEmpty || this.#forgottenTo !== undefined
  }

  #isDue(): boolean {
    return (
      this.#pending.rewards > 0 ||
      this.#forgottenTo !== undefined ||
      this.#flushing.length > 0 ||
      this.#context.clock.monotonicMs() - this.#lastFoldAt >= this.#context.foldEveryMs()
    )
  }

  #start(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (!this.#running) void this.#run()
  }

  async #run(): Promise<void> {
    this.#running = true
    do {
      const flushing = this.#flushing
      this.#flushing = []
      if (this.#hasWork && this.#end !== undefined) {
        const rewards = this.#rewards
        this.#rewards = []
        await this.#foldUntilDone(this.#take(this.#end), rewards, flushing)
      }
      this.#lastFoldAt = this.#context.clock.monotonicMs()
      for (const { resolve } of flushing) resolve()
    } while (this.#isDue() && this.#hasWork && !this.#stopped)
    this.#running = false
    if (!this.#hasWork) for (const { resolve } of this.#flushing.splice(0)) resolve()
    if (this.#hasWork && !this.#stopped) {
      this.#timer ??= setTimeout(() => this.#start(), this.#context.foldEveryMs())
    }
  }

  /** After something was forgotten the batch begins where no store stands: what is missing before it is folded from the log. */
  #take(end: LogPosition): FoldBatch {
    const log = this.#context.logId()
    const stand = this.#stand?.log === log ? this.#stand.position : undefined
    const from = this.#forgottenTo ?? stand ?? this.#context.begin()
    this.#forgottenTo = undefined
    return this.#pending.take(log, from, end)
  }

  async #foldUntilDone(
    batch: FoldBatch,
    rewards: readonly RewardEntry[],
    flushing: PromiseWithResolvers<void>[],
  ): Promise<void> {
    const { logger, counts } = this.#context
    const { experiment } = batch
    let pauseMs = FIRST_RETRY_MS
    this.#folding = batch.end
    while (!this.#stopped) {
      try {
        await this.#fold(batch, rewards)
        this.#folding = undefined
        this.#context.folded()
        if (this.#failing) logger.info({ experiment }, "counters are folded again")
        this.#failing = false
        return
      } catch (error) {
        counts.failedFolds += 1
        if (!this.#failing) {
          logger.error({ err: error, experiment }, "counters can't be folded; the log keeps what is missing")
        }
        this.#failing = true
        for (const { reject } of [...flushing.splice(0), ...this.#flushing.splice(0)]) reject(error)
        await this.#pause(pauseMs)
        pauseMs = Math.min(2 * pauseMs, LAST_RETRY_MS)
      }
    }
  }

  /**
   * @param rewards of the batch, in its order: each is told what it did
   * @throws GatewayError `store_unavailable` also where the store moves while it is being reconciled with
   */
  async #fold(first: FoldBatch, rewards: readonly RewardEntry[]): Promise<void> {
    let batch = first
    for (let tries = 0; tries < MOST_RECONCILED; tries++) {
      const answer = await this.#context.store.fold(batch)
      if (answer.status === "folded") {
        this.#context.counts.folds += 1
        this.#stand = { log: batch.log, position: batch.end }
        for (const [index, reward] of rewards.entries()) reward.answered?.(answer.answers[index] ?? "duplicate")
        return
      }
      const settled = await this.#context.reconcile(batch, answer, answering(rewards))
      if ("position" in settled) {
        this.#stand = { log: batch.log, position: settled.position }
        // What another has folded meanwhile was there before.
        for (const reward of rewards) reward.answered?.("duplicate")
        return
      }
      batch = settled.batch
    }
    throw new GatewayError("store_unavailable", {
      detail: `the counters of ${first.experiment} move while they are folded`,
    })
  }

  async #pause(pauseMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = () => {}
  }
}

/** Tells rewards what they did when they are folded as lines of the log. */
function answering(rewards: readonly RewardEntry[]): Answered {
  const waiting = new Map(rewards.map((reward) => [nameOf(reward.event), reward]))
  return (events, answers) => {
    for (const [index, event] of events.entries()) waiting.get(nameOf(event))?.answered?.(answers[index] ?? "duplicate")
  }
}

function nameOf(event: RewardEvent): string {
  return `${event.decisionId}\n${event.metric}\n${event.eventId}`
}
