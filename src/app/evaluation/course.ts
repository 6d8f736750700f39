import type { WeightedRow } from "../../domain/evaluation/weighted-sums.ts"

/** Points of the value over time. */
const POINTS = 40
/** Weights are counted by powers of two: below 1/16, up to 1/8, …, beyond 64. */
const BINS = 12
const LOWEST_POWER = -4

/** What a picture shows beside the estimates: the value so far at points of the log, and how weights are distributed. */
export class Course {
  readonly #total: number
  #weightedReward = 0
  #reward = 0
  #weight = 0
  readonly points: { readonly rows: number; readonly target: number; readonly logged: number }[] = []
  /** Share of rows with weight 0. */
  zeroWeights = 0
  /** Rows by weight: the i-th bin ends at 2^(i - 4), the last has no end. */
  readonly weights = Array.from({ length: BINS }, () => 0)

  /** @param total how many rows will come */
  constructor(total: number) {
    this.#total = total
  }

  /** @param index of the row, from 0 */
  add(index: number, { weight, reward }: WeightedRow): void {
    this.#weightedReward += weight * reward
    this.#reward += reward
    this.#weight += weight
    if (weight === 0) this.zeroWeights += 1
    else {
      const bin = Math.min(BINS - 1, Math.max(0, Math.ceil(Math.log2(weight)) - LOWEST_POWER))
      this.weights[bin] = (this.weights[bin] as number) + 1
    }
    const rows = index + 1
    if (rows < Math.ceil(((this.points.length + 1) * this.#total) / POINTS)) return
    const target = this.#weight === 0 ? 0 : this.#weightedReward / this.#weight
    this.points.push({ rows, target, logged: this.#reward / rows })
  }
}

/** The largest weight of a bin of `Course.weights`; Infinity for the last. */
export function binEnd(bin: number): number {
  return bin === BINS - 1 ? Number.POSITIVE_INFINITY : 2 ** (bin + LOWEST_POWER)
}
