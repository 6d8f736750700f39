import { COLUMN_COUNT, COLUMNS, type Column, type WeightedSums } from "./weighted-sums.ts"

/**
 * An estimate from sums over rows: the mean of some columns, plus one column over another.
 *
 * With w the weight, r the reward, q the outcome model, m its mean over the target's probabilities, n rows.
 */
export interface Estimator {
  /** Columns whose means are added, each times its coefficient. */
  readonly means: Partial<Readonly<Record<Column, number>>>
  /** What is added to that; absent where it is nothing. */
  readonly ratio?: { readonly of: Column; readonly over: Column }
}

/**
 * The estimators by their names, as Open Bandit Pipeline defines them (Saito, Aihara, Matsutani and Narita 2020, arXiv 2008.07146).
 *
 * - `ips` mean(w r); `snips` sum(w r) / sum(w); `clipped` mean(min(w, clipAt) r)
 * - `dm` mean(m); `dr` mean(m + w (r - q)); `sndr` mean(m) + sum(w (r - q)) / sum(w)
 * - `switch-dr` as `dr`, corrected only where w <= switchAt; `dros` as `dr` with w shrunk to w shrinkage / (w^2 + shrinkage)
 */
export const ESTIMATORS = {
  ips: { means: { weightedReward: 1 } },
  snips: { means: {}, ratio: { of: "weightedReward", over: "weight" } },
  dm: { means: { modelled: 1 } },
  dr: { means: { modelled: 1, corrected: 1 } },
  sndr: { means: { modelled: 1 }, ratio: { of: "corrected", over: "weight" } },
  "switch-dr": { means: { modelled: 1, correctedWhereTrusted: 1 } },
  dros: { means: { modelled: 1, correctedShrunk: 1 } },
  clipped: { means: { clippedReward: 1 } },
} as const satisfies Readonly<Record<string, Estimator>>

export type EstimatorName = keyof typeof ESTIMATORS

export const ESTIMATOR_NAMES = Object.keys(ESTIMATORS).filter(isEstimatorName)

export function isEstimatorName(name: string): name is EstimatorName {
  return Object.hasOwn(ESTIMATORS, name)
}

/** What the log itself earned: the mean reward. */
export const LOGGED: Estimator = { means: { reward: 1 } }

/** What the target earns more than the log, on the same rows: mean((w - 1) r). Its interval is narrower than the two values suggest. */
export const GAIN: Estimator = { means: { weightedReward: 1, reward: -1 } }

/** Clipped weights with their own sum below: sum(min(w, clipAt) r) / sum(min(w, clipAt)). */
export const CLIPPED_SNIPS: Estimator = { means: {}, ratio: { of: "clippedReward", over: "clippedWeight" } }

/** The value of an estimator. @param sums one per column; NaN where they divide by zero */
export function valueOf({ means, ratio }: Estimator, sums: ArrayLike<number>): number {
  const rows = sums[COLUMNS.rows] as number
  let value = ratio === undefined ? 0 : (sums[COLUMNS[ratio.of]] as number) / (sums[COLUMNS[ratio.over]] as number)
  for (const [column, coefficient] of Object.entries(means) as [Column, number][])
    value += (coefficient * (sums[COLUMNS[column]] as number)) / rows
  return value
}

/**
 * The standard error over rows: sd / sqrt(n) of a mean, by the delta method with a ratio. That is sqrt(sum(w^2 (r - snips)^2)) / sum(w) for
 * `snips`.
 *
 * @returns NaN below two rows
 */
export function standardErrorOf(estimator: Estimator, sums: WeightedSums): number {
  const { rows } = sums
  // As a mean has it; the delta method goes without.
  const correction = estimator.ratio === undefined ? rows / (rows - 1) : 1
  return rows < 2 ? Number.NaN : Math.sqrt(correction * sums.squared(influence(estimator, sums))) / rows
}

/** The same over unit buckets, so that rows of one unit may depend on each other. @returns NaN below two buckets with rows */
export function clusteredErrorOf(estimator: Estimator, sums: WeightedSums): number {
  const { total, buckets } = sums.squaredByBucket(influence(estimator, sums))
  return buckets < 2 ? Number.NaN : Math.sqrt((total * buckets) / (buckets - 1)) / sums.rows
}

/** How much a row moves the estimate, times n: a linear combination of its columns whose sum over all rows is 0. */
function influence({ means, ratio }: Estimator, { sums, rows }: WeightedSums): Float64Array {
  const coefficients = new Float64Array(COLUMN_COUNT)
  const move = (column: number, by: number): void => {
    coefficients[column] = (coefficients[column] as number) + by
  }
  for (const [column, coefficient] of Object.entries(means) as [Column, number][]) {
    move(COLUMNS[column], coefficient)
    move(COLUMNS.rows, (-coefficient * (sums[COLUMNS[column]] as number)) / rows)
  }
  if (ratio !== undefined) {
    const over = (sums[COLUMNS[ratio.over]] as number) / rows
    move(COLUMNS[ratio.of], 1 / over)
    move(COLUMNS[ratio.over], -((sums[COLUMNS[ratio.of]] as number) / rows) / over ** 2)
  }
  return coefficients
}

/** Quantile of the normal distribution at 0.975. */
const Z_95 = 1.959963984540054

export type Interval = readonly [low: number, high: number]

/** 95 % of a normal distribution. */
export function normalInterval(value: number, standardError: number): Interval {
  return [value - Z_95 * standardError, value + Z_95 * standardError]
}
