import { bootstrap } from "../../domain/evaluation/bootstrap.ts"
import { ConfidenceSequence } from "../../domain/evaluation/confidence-sequence.ts"
import {
  ESTIMATORS,
  type EstimatorName,
  type Interval,
  LOGGED,
  normalInterval,
  standardErrorOf,
  valueOf,
} from "../../domain/evaluation/estimators.ts"
import { type Diagnostics, diagnose, type Judged, judge, type LogFacts } from "../../domain/evaluation/verdict.ts"
import { type WeightedRow, WeightedSums } from "../../domain/evaluation/weighted-sums.ts"

/** One estimate with one of its intervals. */
export interface Estimate {
  readonly estimator: EstimatorName
  /** NaN where the weights of all rows are 0. */
  readonly value: number
  readonly standardError: number
  readonly interval: Interval
  readonly level: number
  /** `normal`: normal, with the delta method for ratios. `bootstrap`: units drawn again. `anytime-valid`: however often it is looked at. */
  readonly method: "normal" | "bootstrap" | "anytime-valid"
}

/** What the log says of one target. */
export interface Result extends Judged {
  readonly rows: number
  readonly logged: { readonly value: number; readonly interval: Interval }
  readonly estimates: readonly Estimate[]
  readonly diagnostics: Diagnostics
}

/** What a reward may be. */
export interface RewardRange {
  readonly low: number
  readonly high: number
}

export interface Resampling {
  readonly replicates: number
  /** Uniform numbers in [0, 1). */
  readonly random: () => number
}

const LEVEL = 0.95

/** The rows of one target, or of one of its segments, added up. */
export class Tally {
  readonly sums = new WeightedSums()
  readonly #sequence: ConfidenceSequence | undefined
  readonly #range: RewardRange

  /** @param largestWeight that target and log can come to, known beforehand; undefined: there is no anytime-valid interval */
  constructor(largestWeight: number | undefined, range: RewardRange) {
    this.#sequence = largestWeight === undefined ? undefined : new ConfidenceSequence(largestWeight)
    this.#range = range
  }

  add(row: WeightedRow, bucket: number): void {
    this.sums.add(row, bucket)
    if (this.#sequence === undefined) return
    const { low, high } = this.#range
    this.#sequence.add(row.weight, (row.reward - low) / (high - low))
  }

  result(estimators: readonly EstimatorName[], resampling: Resampling, log: LogFacts): Result {
    const { sums } = this
    const logged = valueOf(LOGGED, sums.sums)
    return {
      rows: sums.rows,
      logged: { value: logged, interval: normalInterval(logged, standardErrorOf(LOGGED, sums)) },
      estimates: this.#estimates(estimators, resampling),
      diagnostics: diagnose(sums),
      ...judge(sums, log),
    }
  }

  #estimates(names: readonly EstimatorName[], resampling: Resampling): Estimate[] {
    const { sums } = this
    const drawn = bootstrap(
      names.map((name) => ESTIMATORS[name]),
      sums.buckets,
      resampling,
    )
    return names.flatMap((estimator, index) => {
      const value = valueOf(ESTIMATORS[estimator], sums.sums)
      const standardError = standardErrorOf(ESTIMATORS[estimator], sums)
      const common = { estimator, value, level: LEVEL }
      const estimates: Estimate[] = [
        { ...common, standardError, interval: normalInterval(value, standardError), method: "normal" },
      ]
      const again = drawn[index]
      if (again !== undefined) estimates.push({ ...common, ...again, method: "bootstrap" })
      if (estimator === "dr" && this.#sequence !== undefined) {
        const interval = this.#scaledBack(this.#sequence.interval)
        estimates.push({ ...common, standardError, interval, method: "anytime-valid" })
      }
      return estimates
    })
  }

  #scaledBack([below, above]: Interval): Interval {
    const { low, high } = this.#range
    return [low + below * (high - low), low + above * (high - low)]
  }
}
