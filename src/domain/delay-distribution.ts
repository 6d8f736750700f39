import { DELAY_BINS, DELAY_WINDOWS_KEPT, delayBinEnd } from "./delay-counters.ts"
import { entryOf } from "./entry-of.ts"

/** Rewards of one variant, of decisions of one bucket, that came within one bin of delays. */
export interface DelayRow {
  readonly variant: string
  readonly bucket: number
  readonly widthSeconds: number
  readonly bin: number
  readonly count: number
}

/** The share of a decision's reward that has come, on average, when the decision is so old: in [0, 1], 1 from the window on. */
export type Arrived = (ageSeconds: number) => number

/** Rewards that the pooled distribution is worth beside a variant's own. */
const POOLED_REWARDS = 3
/** Rewards without a longer delay that the pooled distribution begins with. */
const FIRST_REWARDS = 1

/**
 * How rewards of each variant arrive, from closed decisions and the rewards of open ones.
 *
 * A reward is seen only if its delay is shorter than its decision's age: right truncation, for which the product of one minus the reverse-time
 * hazards, from the longest delay down, is the maximum likelihood estimate (Kaplan and Meier backwards). The hazard of a bin is the share
 * of those with a delay in it among those with a delay in it or shorter, of decisions that are older than the bin's end. Beyond the oldest
 * decision nothing is known: there all rewards count as arrived.
 *
 * Each variant's hazards shrink towards those of all together by `POOLED_REWARDS`, so that a few early rewards don't swing it.
 *
 * Source: Lagakos, Barraj and De Gruttola (1988), Biometrika 75:515, for the estimate; Vernade, Cappé and Perchet (2017), UAI, for its use.
 *
 * @param now epoch seconds
 * @returns by variant; of a variant that isn't in it, the distribution of all together
 */
export function estimateDelays(
  rows: readonly DelayRow[],
  windowSeconds: number,
  now: number,
): (variant: string) => Arrived {
  const kept = rows.filter(
    ({ bucket, widthSeconds }) => bucket + widthSeconds > now - DELAY_WINDOWS_KEPT * windowSeconds,
  )
  const ends = Float64Array.from({ length: DELAY_BINS }, (_, bin) => delayBinEnd(bin, windowSeconds))
  const nothing = new Float64Array(DELAY_BINS)
  const pooled = hazards(tally(kept, ends, now), nothing, FIRST_REWARDS)
  const rowsOf = new Map<string, DelayRow[]>()
  for (const row of kept) entryOf(rowsOf, row.variant, () => []).push(row)
  const byVariant = new Map<string, Arrived>()
  for (const [variant, own] of rowsOf) {
    byVariant.set(variant, arrivedBy(ends, hazards(tally(own, ends, now), pooled, POOLED_REWARDS)))
  }
  const others = arrivedBy(ends, pooled)
  return (variant) => byVariant.get(variant) ?? others
}

interface Tally {
  /** Rewards in each bin, of decisions older than its end. */
  readonly within: Float64Array
  /** Those in each bin or an earlier one, of the same decisions. */
  readonly upTo: Float64Array
}

function tally(rows: readonly DelayRow[], ends: Float64Array, now: number): Tally {
  const within = new Float64Array(DELAY_BINS)
  // Differences first: a row counts in every bin from its own to the last that its decisions are too old for.
  const upTo = new Float64Array(DELAY_BINS)
  for (const { bucket, widthSeconds, bin, count } of rows) {
    const youngest = now - bucket - widthSeconds
    let past = DELAY_BINS
    while (past > 0 && (ends[past - 1] as number) > youngest) past--
    if (bin >= past) continue
    within[bin] = (within[bin] as number) + count
    upTo[bin] = (upTo[bin] as number) + count
    if (past < DELAY_BINS) upTo[past] = (upTo[past] as number) - count
  }
  for (let bin = 1; bin < DELAY_BINS; bin++) upTo[bin] = (upTo[bin] as number) + (upTo[bin - 1] as number)
  return { within, upTo }
}

/** Reverse-time hazards, with `weight` rewards of the prior's. */
function hazards({ within, upTo }: Tally, prior: Float64Array, weight: number): Float64Array {
  return within.map((count, bin) => (count + weight * (prior[bin] as number)) / ((upTo[bin] as number) + weight))
}

function arrivedBy(ends: Float64Array, hazard: Float64Array): Arrived {
  const shares = new Float64Array(DELAY_BINS)
  let share = 1
  for (let bin = DELAY_BINS - 1; bin >= 0; bin--) {
    shares[bin] = share
    share *= 1 - (hazard[bin] as number)
  }
  return (age) => {
    const bin = ends.findIndex((end) => age < end)
    if (bin < 0) return 1
    const [end, above] = [ends[bin] as number, shares[bin] as number]
    if (bin === 0) return (above * Math.max(0, age)) / end
    const [start, below] = [ends[bin - 1] as number, shares[bin - 1] as number]
    // Bins are evenly long in the logarithm of the delay.
    return below + ((above - below) * Math.log(age / start)) / Math.log(end / start)
  }
}
