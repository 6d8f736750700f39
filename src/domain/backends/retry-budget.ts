/** Requests that make up for one retry. */
const REQUESTS_PER_RETRY = 10
/** Retries that are there without any request. */
const LEAST_RETRIES = 3
/** Retries that are older count no more. */
const WINDOW_MS = 10_000

/**
 * How many retries a target may be sent: in any ten seconds at most three, and one more for every ten requests of those ten seconds, whatever
 * fails and why. Times are monotonic milliseconds and come as arguments, never falling.
 */
export class RetryBudget {
  /** Requests that have yet to make up for retries. */
  #owed = 0
  #lastMs = Number.NEGATIVE_INFINITY

  /** A request is made for the first time. */
  requested(): void {
    if (this.#owed > 0) this.#owed--
  }

  /** Whether a retry may be made now; it counts from now on. */
  take(nowMs: number): boolean {
    if (nowMs - this.#lastMs >= WINDOW_MS) this.#owed = 0
    const owed = this.#owed + REQUESTS_PER_RETRY
    if (owed > LEAST_RETRIES * REQUESTS_PER_RETRY) return false
    this.#owed = owed
    this.#lastMs = nowMs
    return true
  }
}
