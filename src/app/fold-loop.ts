import type { RewardEvent } from "../domain/events.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore, RewardAnswer } from "../ports/counter-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { AppendedBatch, FoldBatch } from "../ports/outcome-log.ts"
import { PendingFold } from "./pending-fold.ts"

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5_000

export interface FoldCounts {
  folds: number
  failedFolds: number
  /** Whether the last try failed: what is written waits in memory and in the log. */
  storeFails: boolean
}

/**
 * Folds what the log has written into the store: one fold at a time, in log order; decisions every `foldEveryMs`, rewards at once.
 *
 * A fold that fails is tried again as it was, with growing pauses: it may have been committed before its answer was lost, and only the same
 * end position makes the store notice.
 */
export class FoldLoop {
  readonly counts: FoldCounts = { folds: 0, failedFolds: 0, storeFails: false }
  readonly #store: CounterStore
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #foldEveryMs: number
  readonly #pending = new PendingFold()
  readonly #waiting = new Map<RewardEvent, (answer: RewardAnswer) => void>()
  #flushing: PromiseWithResolvers<void>[] = []
  #running = false
  #stopped = false
  #lastFoldAt: number
  #timer: ReturnType<typeof setTimeout> | undefined
  #wake: () => void = () => {}

  constructor(store: CounterStore, clock: Clock, logger: Logger, foldEveryMs: number) {
    this.#store = store
    this.#clock = clock
    this.#logger = logger
    this.#foldEveryMs = foldEveryMs
    this.#lastFoldAt = clock.monotonicMs()
  }

  /** Takes what has just been written. */
  add(batch: AppendedBatch): void {
    this.#pending.add(batch.entries, batch.end)
    if (this.#running || this.#stopped) return
    // The clock decides, the timer only covers silence: where timers end with the request that set them, folds still happen.
    if (this.#isDue()) this.#start()
    else this.#timer ??= setTimeout(() => this.#start(), this.#foldEveryMs)
  }

  /** @returns what this very event did, once it has been written and folded */
  answerTo(event: RewardEvent): Promise<RewardAnswer> {
    return new Promise((resolve) => this.#waiting.set(event, resolve))
  }

  /** The event will not be written after all. */
  forget(event: RewardEvent): void {
    this.#waiting.delete(event)
  }

  /** Folds everything added so far. @throws GatewayError `store_unavailable` when the next try fails */
  flush(): Promise<void> {
    const flush = Promise.withResolvers<void>()
    this.#flushing.push(flush)
    this.#wake()
    if (!this.#running) this.#start()
    return flush.promise
  }

  /** No further fold starts. What isn't folded is folded from the log by the next start. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#wake()
  }

  #isDue(): boolean {
    return (
      this.#pending.rewards > 0 ||
      this.#flushing.length > 0 ||
      this.#clock.monotonicMs() - this.#lastFoldAt >= this.#foldEveryMs
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
      const batch = this.#pending.take()
      if (batch !== undefined) await this.#foldUntilDone(batch, flushing)
      this.#lastFoldAt = this.#clock.monotonicMs()
      for (const { resolve } of flushing) resolve()
    } while (this.#isDue() && !this.#stopped)
    this.#running = false
    if (!this.#pending.isEmpty && !this.#stopped) this.#timer ??= setTimeout(() => this.#start(), this.#foldEveryMs)
  }

  async #foldUntilDone(batch: FoldBatch, flushing: PromiseWithResolvers<void>[]): Promise<void> {
    for (let pauseMs = FIRST_RETRY_MS; !this.#stopped; pauseMs = Math.min(2 * pauseMs, LAST_RETRY_MS)) {
      try {
        this.#answer(batch, await this.#store.fold(batch))
        this.counts.storeFails = false
        if (pauseMs > FIRST_RETRY_MS) this.#logger.info({ end: batch.end }, "counters are folded again")
        return
      } catch (error) {
        this.counts.failedFolds += 1
        this.counts.storeFails = true
        if (pauseMs === FIRST_RETRY_MS) {
          this.#logger.error({ err: error, end: batch.end }, "counters can't be folded; the log keeps what is missing")
        }
        for (const { reject } of [...flushing.splice(0), ...this.#flushing.splice(0)]) reject(error)
        await this.#pause(pauseMs)
      }
    }
  }

  #answer(batch: FoldBatch, answers: readonly RewardAnswer[]): void {
    this.counts.folds += 1
    for (const [index, event] of batch.rewards.entries()) {
      this.#waiting.get(event)?.(answers[index] ?? "duplicate")
      this.#waiting.delete(event)
    }
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
