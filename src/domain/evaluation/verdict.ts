import { clusteredErrorOf, GAIN, normalInterval, valueOf } from "./estimators.ts"
import { COLUMNS, type WeightedSums } from "./weighted-sums.ts"

/** How far a log can be trusted to speak for a target. */
export interface Diagnostics {
  /** How many rows of weight 1 would say as much: sum(w)^2 / sum(w^2). */
  readonly effectiveSampleSize: number
  readonly maxWeight: number
  /** 1 where the propensities are right. */
  readonly meanWeight: number
  /** By how many standard errors it differs from 1. */
  readonly meanWeightZ: number
  /** Share of rows whose variant the target would never serve. */
  readonly zeroWeightShare: number
  /** The target's mean probability on variants that the log could not have served: nothing is known of that part. */
  readonly unsupportedMass: number
  /** Share of all weight that `clipped` cuts away. */
  readonly clippedMass: number
}

export function diagnose(sums: WeightedSums): Diagnostics {
  const { rows } = sums
  const weight = sums.sum("weight")
  const meanWeight = weight / rows
  const sd = Math.sqrt(squareOf(sums, "weight", -meanWeight) / (rows - 1))
  const off = meanWeight - 1
  return {
    effectiveSampleSize: ratio(weight ** 2, squareOf(sums, "weight", 0)),
    maxWeight: sums.largestWeight,
    meanWeight,
    meanWeightZ: Math.abs(off) < 1e-12 ? 0 : off / (sd / Math.sqrt(rows)),
    zeroWeightShare: sums.zeroWeights / rows,
    unsupportedMass: sums.unsupported / rows,
    clippedMass: ratio(weight - sums.sum("clippedWeight"), weight),
  }
}

export type Verdict = "better" | "worse" | "unclear" | "cannot-tell"

export interface Judged {
  readonly verdict: Verdict
  /** What the log lacks, each a sentence; empty where it can tell. */
  readonly reasons: readonly string[]
  /** How many rewards of weight 1 would say as much: sum(w r)^2 / sum((w r)^2). */
  readonly effectiveRewards: number
  /** What the target earns more than the log per row, with its 95 % interval. */
  readonly gain: { readonly value: number; readonly interval: readonly [number, number] }
}

/** What is known of the log beside its rows. */
export interface LogFacts {
  /** Share of rows that were certain: one variant had probability 1. */
  readonly certainShare: number
  /** Whether rows are units whose first decisions may be in a part of the log that is gone. */
  readonly startLost: boolean
}

const LEAST_EFFECTIVE = 100
const LARGEST_Z = 4
const LARGEST_UNSUPPORTED = 0.001
const LARGEST_ROW_SHARE = 0.05

/** Whether a target is better than what was logged, or why the log can't tell. */
export function judge(sums: WeightedSums, log: LogFacts): Judged {
  const value = valueOf(GAIN, sums.sums)
  const interval = normalInterval(value, clusteredErrorOf(GAIN, sums))
  const reasons = [...shortcomings(sums, log)]
  return {
    verdict: reasons.length > 0 ? "cannot-tell" : verdictOf(interval),
    reasons,
    effectiveRewards: effectiveRewardsOf(sums),
    gain: { value, interval },
  }
}

function verdictOf([low, high]: readonly [number, number]): Verdict {
  if (low > 0) return "better"
  return high < 0 ? "worse" : "unclear"
}

function* shortcomings(sums: WeightedSums, { certainShare, startLost }: LogFacts): Generator<string> {
  const { effectiveSampleSize, meanWeight, meanWeightZ, unsupportedMass } = diagnose(sums)
  if (startLost) {
    yield "the log's first files are gone, so that the first decision of a unit can't be told from its later ones"
  }
  if (unsupportedMass > LARGEST_UNSUPPORTED) {
    const share = percent(unsupportedMass)
    yield `${share} of the target's decisions go to variants whose logged probability was 0: the log says nothing of them${certain(certainShare)}`
  }
  if (effectiveSampleSize < LEAST_EFFECTIVE) {
    yield `the weighted rows say as much as ${whole(effectiveSampleSize)} plain ones; at least ${LEAST_EFFECTIVE} are needed`
  }
  const effectiveRewards = effectiveRewardsOf(sums)
  if (effectiveRewards < LEAST_EFFECTIVE) {
    yield `the weighted rewards say as much as ${whole(effectiveRewards)} plain ones; at least ${LEAST_EFFECTIVE} are needed`
  }
  if (Math.abs(meanWeightZ) > LARGEST_Z) {
    yield `the mean weight is ${meanWeight.toPrecision(4)} where it must be 1, ${whole(Math.abs(meanWeightZ))} standard errors off: the logged probabilities are wrong`
  }
  const rowShare = ratio(sums.largestWeightedReward, Math.abs(sums.sum("weightedReward")))
  if (rowShare > LARGEST_ROW_SHARE) yield `a single row carries ${percent(rowShare)} of the weighted rewards`
}

function effectiveRewardsOf(sums: WeightedSums): number {
  return ratio(sums.sum("weightedReward") ** 2, squareOf(sums, "weightedReward", 0))
}

function certain(share: number): string {
  if (share < 0.01) return ""
  return `. ${percent(share)} of its decisions were certain, with probability 1 for one variant, as those of ucb1 and its kin are: give the policy a minPropensity`
}

/** Sum of squares of a column after a constant is added to each row's. */
function squareOf(sums: WeightedSums, column: "weight" | "weightedReward", constant: number): number {
  const coefficients = new Float64Array(sums.sums.length)
  coefficients[COLUMNS.rows] = constant
  coefficients[COLUMNS[column]] = 1
  return sums.squared(coefficients)
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(2)} %`
}

function whole(value: number): string {
  return value < 10 ? value.toPrecision(2) : value.toFixed(0)
}
