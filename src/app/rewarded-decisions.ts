import { decisionTime, RANDOM_NUMBERS, RANDOM_VALUES, randomNumber } from "../domain/decision-id.ts"
import type { DecisionId } from "../domain/ids.ts"

/** With so many, fewer than 2 of 100 decisions are taken for rewarded that aren't. */
const MOST = RANDOM_VALUES / 10

/**
 * Tells decisions that can't have been rewarded before: those made since this began to remember, of which no reward has come. The store needn't
 * be asked about them.
 *
 * A Bloom filter of 4 MB: each decision sets three bits, so one whose bits aren't all set was never added. When 3.3 million have been, it
 * forgets them, and begins to remember anew.
 */
export class RewardedDecisions {
  readonly #bits = new Uint32Array(RANDOM_VALUES / 32)
  readonly #most: number
  #decisions = 0
  /** Epoch milliseconds. */
  #since: number

  /**
   * @param now epoch milliseconds: rewards that come from now on are added
   * @param most decisions after which it begins anew
   */
  constructor(now: number, most = MOST) {
    this.#since = now
    this.#most = most
  }

  /** Adds a decision that is rewarded now (epoch milliseconds). @returns whether it may have been rewarded before */
  add(decisionId: DecisionId, now: number): boolean {
    if (this.#decisions >= this.#most) {
      this.#bits.fill(0)
      this.#decisions = 0
      this.#since = now
    }
    let added = false
    for (let i = 0; i < RANDOM_NUMBERS; i++) {
      const bit = randomNumber(decisionId, i)
      const word = this.#bits[bit >>> 5] as number
      const mask = 1 << (bit & 31)
      if ((word & mask) !== 0) continue
      this.#bits[bit >>> 5] = word | mask
      added = true
    }
    if (added) this.#decisions += 1
    const decidedAt = decisionTime(decisionId)
    // One from the future was decided by another clock, which says nothing here.
    return !added || decidedAt < this.#since || decidedAt > now
  }
}
