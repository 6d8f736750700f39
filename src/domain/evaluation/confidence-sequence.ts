import type { Interval } from "./estimators.ts"

/** Bets never risk more than half of what they could lose. */
const LARGEST_BET = 0.5
const PRIOR_MEAN = 0.5
const PRIOR_VARIANCE = 0.25
/** The predicted reward before there is any, and for how many rows that counts. */
const BASELINE = { reward: 0.01, rows: 100 }

/**
 * A lower bound of the common conditional mean of a sequence, right at every moment at once with probability 1 - alpha: whoever looks again and
 * again, and stops when it pleases, is not misled.
 *
 * Source: Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro (2022), arXiv 2210.10768: the predictable plug-in empirical Bernstein form.
 */
export class LowerBound {
  readonly #logInverseAlpha: number
  #rows = 0
  #sum = 0
  #squares = PRIOR_VARIANCE
  #earned = 0
  #paid = 0
  #staked = 0

  constructor(alpha: number) {
    this.#logInverseAlpha = Math.log(1 / alpha)
  }

  /** @param value at least -`below`, of which the latter is known beforehand, ≥ 0 */
  add(value: number, below: number): void {
    const t = this.#rows + 1
    const scaled = value / (below + 1)
    const guess = this.#rows === 0 ? 0 : Math.min(this.#sum / this.#rows, 1 / (below + 1))
    const variance = this.#squares / t
    const bet = Math.min(LARGEST_BET, Math.sqrt((2 * this.#logInverseAlpha) / (variance * t * Math.log(1 + t))))
    this.#earned += bet * scaled
    this.#paid += (-Math.log(1 - bet) - bet) * (scaled - guess) ** 2
    this.#staked += bet / (below + 1)
    this.#rows = t
    this.#sum += scaled
    this.#squares += (scaled - Math.min((PRIOR_MEAN + this.#sum) / (t + 1), 1)) ** 2
  }

  get bound(): number {
    if (this.#rows === 0) return Number.NEGATIVE_INFINITY
    return (this.#earned - this.#logInverseAlpha - this.#paid) / this.#staked
  }
}

/**
 * The anytime-valid 95 % interval of a target's value from rows in the order of their decisions. It is doubly robust: a reward is compared with
 * the mean of earlier ones. Without that the upper bound would be useless at click rates.
 */
export class ConfidenceSequence {
  readonly #lower = new LowerBound(0.025)
  /** Of 1 - reward: what bounds it from below bounds the reward from above. */
  readonly #mirrored = new LowerBound(0.025)
  readonly #largestWeight: number
  #rewards = 0
  #rows = 0

  /** @param largestWeight that the two policies can come to, known beforehand: a larger one makes the interval too narrow */
  constructor(largestWeight: number) {
    this.#largestWeight = largestWeight
  }

  /** @param reward in [0, 1] */
  add(weight: number, reward: number): void {
    const predicted = (BASELINE.rows * BASELINE.reward + this.#rewards) / (BASELINE.rows + this.#rows)
    this.#lower.add(weight * (reward - predicted) + predicted, this.#largestWeight * predicted)
    this.#mirrored.add(weight * (predicted - reward) + 1 - predicted, this.#largestWeight * (1 - predicted))
    this.#rewards += reward
    this.#rows += 1
  }

  /** Within [0, 1]. */
  get interval(): Interval {
    return [Math.max(0, this.#lower.bound), Math.min(1, 1 - this.#mirrored.bound)]
  }
}
