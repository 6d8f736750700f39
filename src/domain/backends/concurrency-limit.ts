/** What is left of the limit when a server shows that it has too much to do. */
const DECREASE = 0.9
/** The limit doesn't fall below this share of the most. */
const LEAST_SHARE = 0.1

/**
 * How many calls may be under way at once: at most `most`; fewer, by a tenth each time, while the server is overloaded, and one more for each
 * limit's worth of answers since (additive increase, multiplicative decrease). What comes beyond is refused at once, never queued.
 */
export class ConcurrencyLimit {
  readonly #most: number
  readonly #least: number
  #limit: number
  #underWay = 0

  /** @param most at least 1 */
  constructor(most: number) {
    this.#most = most
    this.#least = Math.max(1, most * LEAST_SHARE)
    this.#limit = most
  }

  get limit(): number {
    return Math.floor(this.#limit)
  }

  get underWay(): number {
    return this.#underWay
  }

  /** Whether a call may begin; it must end with `leave`. */
  enter(): boolean {
    if (this.#underWay >= this.limit) return false
    this.#underWay++
    return true
  }

  /** A call has ended. @param overloaded whether the server showed that it has too much to do: it was late, or said so */
  leave(overloaded: boolean): void {
    this.#underWay--
    this.#limit = overloaded
      ? Math.max(this.#least, this.#limit * DECREASE)
      : Math.min(this.#most, this.#limit + 1 / this.#limit)
  }
}
