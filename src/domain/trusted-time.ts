/**
 * A time to forget by. A wall clock may jump ahead and come back; what was forgotten meanwhile does not.
 *
 * It follows the wall clock, but advances at most twice as fast as a monotonic clock, and never goes back. So a clock that is 70 days ahead
 * for half a minute moves it by a minute. After a stop it is behind by as long as the stop, and needs as long again to catch up: things are
 * remembered longer, never shorter.
 */
export class TrustedTime {
  #at: number
  #monotonicMs: number

  /**
   * @param at epoch milliseconds to begin at: what was kept of it, or the wall clock's time where there is none
   * @param monotonicMs the monotonic clock at this moment
   */
  constructor(at: number, monotonicMs: number) {
    this.#at = at
    this.#monotonicMs = monotonicMs
  }

  /** Epoch milliseconds; never falls. */
  get at(): number {
    return this.#at
  }

  /**
   * Moves on to now.
   *
   * @param wall the wall clock, epoch milliseconds
   * @returns epoch milliseconds that have surely passed: the trusted time, or the wall clock's where that is behind
   */
  advance(wall: number, monotonicMs: number): number {
    const most = this.#at + 2 * Math.max(0, monotonicMs - this.#monotonicMs)
    this.#monotonicMs = Math.max(this.#monotonicMs, monotonicMs)
    this.#at = Math.max(this.#at, Math.min(wall, most))
    return Math.min(this.#at, wall)
  }
}
