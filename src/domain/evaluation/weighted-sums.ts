/** One row as one target policy sees it. */
export interface WeightedRow {
  /** Probability of the served variant under the target, over the one it was drawn with; ≥ 0. */
  readonly weight: number
  readonly reward: number
  /** What the outcome model expects of the served variant. */
  readonly predicted: number
  /** What it expects of the target: its mean over the target's probabilities. */
  readonly modelled: number
  /** The target's probability on variants that could not have been served; 0 to 1. */
  readonly unsupported: number
}

/** Where three of the estimators stop believing large weights. */
export interface Tuning {
  /** `switch-dr` trusts the model alone beyond this weight. */
  readonly switchAt: number
  /** `dros` shrinks a weight w to w * shrinkage / (w^2 + shrinkage). */
  readonly shrinkage: number
  /** `clipped` cuts weights here. */
  readonly clipAt: number
}

export const TUNING: Tuning = { switchAt: 10, shrinkage: 100, clipAt: 10 }

/** What is added up of every row, and where it stands in the sums. Every estimator is a ratio of these sums. */
export const COLUMNS = {
  rows: 0,
  reward: 1,
  weight: 2,
  weightedReward: 3,
  modelled: 4,
  /** Weight times what the model got wrong. */
  corrected: 5,
  correctedWhereTrusted: 6,
  correctedShrunk: 7,
  clippedWeight: 8,
  clippedReward: 9,
} as const

export type Column = keyof typeof COLUMNS

export const COLUMN_COUNT = Object.keys(COLUMNS).length

/** Units are hashed into so many buckets: a bootstrap draws buckets, and whatever depends on each other inside one stays together. */
export const UNIT_BUCKETS = 4_096

/**
 * Everything that estimates, intervals and diagnostics of one target need, added up row by row: sums, products of every two columns, and sums
 * by unit bucket. Its size does not depend on the number of rows.
 */
export class WeightedSums {
  readonly tuning: Tuning
  /** By `COLUMNS`. */
  readonly sums = new Float64Array(COLUMN_COUNT)
  /** Sums of products, the lower half of a square matrix by rows. */
  readonly #products = new Float64Array((COLUMN_COUNT * (COLUMN_COUNT + 1)) / 2)
  /** `COLUMN_COUNT` sums a bucket. */
  readonly buckets = new Float64Array(UNIT_BUCKETS * COLUMN_COUNT)
  readonly #row = new Float64Array(COLUMN_COUNT)
  readonly #filled = new Int32Array(COLUMN_COUNT)
  #largestWeight = 0
  #largestWeightedReward = 0
  #zeroWeights = 0
  #unsupported = 0

  constructor(tuning: Tuning = TUNING) {
    this.tuning = tuning
  }

  /** @param bucket of the row's unit, from 0 to `UNIT_BUCKETS` - 1 */
  add({ weight, reward, predicted, modelled, unsupported }: WeightedRow, bucket: number): void {
    const { switchAt, shrinkage, clipAt } = this.tuning
    const error = reward - predicted
    const clipped = weight < clipAt ? weight : clipAt
    const row = this.#row
    row[COLUMNS.rows] = 1
    row[COLUMNS.reward] = reward
    row[COLUMNS.weight] = weight
    row[COLUMNS.weightedReward] = weight * reward
    row[COLUMNS.modelled] = modelled
    row[COLUMNS.corrected] = weight * error
    row[COLUMNS.correctedWhereTrusted] = weight <= switchAt ? weight * error : 0
    row[COLUMNS.correctedShrunk] = ((shrinkage * weight) / (weight * weight + shrinkage)) * error
    row[COLUMNS.clippedWeight] = clipped
    row[COLUMNS.clippedReward] = clipped * reward
    this.#addRow(row, bucket * COLUMN_COUNT)
    if (weight > this.#largestWeight) this.#largestWeight = weight
    const worth = Math.abs(weight * reward)
    if (worth > this.#largestWeightedReward) this.#largestWeightedReward = worth
    if (weight === 0) this.#zeroWeights += 1
    this.#unsupported += unsupported
  }

  /** Columns that are 0, as all of the reward's mostly are, add nothing. */
  #addRow(row: Float64Array, offset: number): void {
    const { sums, buckets } = this
    const products = this.#products
    const filled = this.#filled
    let count = 0
    for (let i = 0; i < COLUMN_COUNT; i++) {
      const value = row[i] as number
      if (value === 0) continue
      filled[count] = i
      count += 1
      sums[i] = (sums[i] as number) + value
      buckets[offset + i] = (buckets[offset + i] as number) + value
      const place = (i * (i + 1)) / 2
      for (let k = 0; k < count; k++) {
        const j = filled[k] as number
        products[place + j] = (products[place + j] as number) + value * (row[j] as number)
      }
    }
  }

  sum(column: Column): number {
    return this.sums[COLUMNS[column]] as number
  }

  get rows(): number {
    return this.sum("rows")
  }

  get largestWeight(): number {
    return this.#largestWeight
  }

  /** Largest magnitude of a weight times its reward. */
  get largestWeightedReward(): number {
    return this.#largestWeightedReward
  }

  get zeroWeights(): number {
    return this.#zeroWeights
  }

  /** Sum over rows of the target's probability where nothing could have been served. */
  get unsupported(): number {
    return this.#unsupported
  }

  /** Sum over rows of the square of a linear combination of the columns. @param coefficients one per column */
  squared(coefficients: ArrayLike<number>): number {
    let total = 0
    let place = 0
    for (let i = 0; i < COLUMN_COUNT; i++) {
      for (let j = 0; j <= i; j++) {
        const product = (coefficients[i] as number) * (coefficients[j] as number) * (this.#products[place] as number)
        total += i === j ? product : 2 * product
        place += 1
      }
    }
    return Math.max(0, total)
  }

  /** The same over unit buckets: what rows of one bucket add up to is squared as a whole. */
  squaredByBucket(coefficients: ArrayLike<number>): { readonly total: number; readonly buckets: number } {
    let total = 0
    let filled = 0
    for (let offset = 0; offset < this.buckets.length; offset += COLUMN_COUNT) {
      if (this.buckets[offset] === 0) continue
      filled += 1
      let value = 0
      for (let i = 0; i < COLUMN_COUNT; i++) value += (coefficients[i] as number) * (this.buckets[offset + i] as number)
      total += value * value
    }
    return { total, buckets: filled }
  }
}
