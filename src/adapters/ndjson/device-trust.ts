/** For one slow write alone: most come from a machine that had something else to do, and the next is quick. */
const SHORTEST_MS = 100
const LONGEST_MS = 10_000

/**
 * Whether a device may be written to on the event loop. After a slow write not for 100 ms; where it is slow again within 10 s, for twice as long,
 * up to 10 s. So one slow write costs little, and a device in trouble holds up one turn in ever longer intervals instead of every turn.
 */
export class DeviceTrust {
  #avoidMs = 0
  #avoidUntilMs = Number.NEGATIVE_INFINITY

  /** @param nowMs of any monotonic clock, the same for all calls */
  isQuick(nowMs: number): boolean {
    return nowMs >= this.#avoidUntilMs
  }

  /** A write on the event loop that ended now was slow. */
  wasSlow(nowMs: number): void {
    const again = nowMs < this.#avoidUntilMs + LONGEST_MS
    this.#avoidMs = again ? Math.min(2 * this.#avoidMs, LONGEST_MS) : SHORTEST_MS
    this.#avoidUntilMs = nowMs + this.#avoidMs
  }
}
