import type { Estimator, Interval } from "./estimators.ts"
import { valueOf } from "./estimators.ts"
import { COLUMN_COUNT } from "./weighted-sums.ts"

/** What drawing the units again and again says of an estimate. */
export interface Bootstrapped {
  readonly standardError: number
  /** Percentiles 2.5 and 97.5. */
  readonly interval: Interval
}

/**
 * Draws as many buckets of units as there are, with replacement, and estimates anew from their sums, denominators included.
 *
 * @param buckets `COLUMN_COUNT` sums each, of which the first is the number of rows; empty ones are left out
 * @param random uniform numbers in [0, 1)
 * @returns one for each estimator, in their order; NaN where no replicate has a value
 */
export function bootstrap(
  estimators: readonly Estimator[],
  buckets: Float64Array,
  { replicates, random }: { readonly replicates: number; readonly random: () => number },
): Bootstrapped[] {
  const filled: number[] = []
  for (let offset = 0; offset < buckets.length; offset += COLUMN_COUNT) if (buckets[offset] !== 0) filled.push(offset)
  const values = estimators.map(() => new Float64Array(replicates))
  const sums = new Float64Array(COLUMN_COUNT)
  for (let replicate = 0; replicate < replicates; replicate++) {
    sums.fill(0)
    for (let draw = 0; draw < filled.length; draw++) {
      const offset = filled[Math.floor(random() * filled.length)] as number
      for (let i = 0; i < COLUMN_COUNT; i++) sums[i] = (sums[i] as number) + (buckets[offset + i] as number)
    }
    for (const [index, estimator] of estimators.entries()) {
      const drawn = values[index] as Float64Array
      drawn[replicate] = valueOf(estimator, sums)
    }
  }
  return values.map(summarise)
}

function summarise(values: Float64Array): Bootstrapped {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort()
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length
  const squares = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return {
    standardError: Math.sqrt(squares / (sorted.length - 1)),
    interval: [percentile(sorted, 0.025), percentile(sorted, 0.975)],
  }
}

/** Between two values it is interpolated. */
function percentile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1)
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}
