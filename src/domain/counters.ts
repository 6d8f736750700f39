import type { DecisionEvent, RewardEvent } from "./events.ts"

/**
 * Whose outcomes a counter adds up. `learned`: drawn decisions that policies learn from. `holdout`: units kept on the control. `excluded`:
 * drawn decisions that an experiment leaves out of learning because their variant did not answer.
 */
export type Cohort = "learned" | "holdout" | "excluded"

/** Rewards are counted as integer millionths of their metric's largest bound, so that sums are exact and independent of order. */
export const SUM_UNITS = 1_000_000

/** Squares are counted in billionths of that bound squared: 10^9 rewards of one bucket fit into 64 bits. */
export const SQUARE_UNITS = 1_000_000_000

/** Probabilities are multiples of a billionth. */
export const NANOS = 1_000_000_000

/** A bucket is at most this part of the memory's length and of the maturation, as long as either matters. */
export const AGE_PARTS = 60

/** The metric of counters that count decisions themselves. No metric of an experiment has an empty name. */
export const DECISIONS = ""

/** Which counter an outcome belongs to. `bucket` is the second of the decision (epoch seconds), never of the reward. */
export interface CounterKey {
  readonly experiment: string
  readonly cohort: Cohort
  readonly variant: string
  readonly series: number
  /** `DECISIONS`, or the name of a metric. */
  readonly metric: string
  readonly bucket: number
}

/** Integer additions to one counter: decisions or rewards, their sum in `SUM_UNITS` and of squares in `SQUARE_UNITS`. May be negative. */
export interface CounterDelta {
  readonly count: number
  readonly sum: number
  readonly sumSq: number
}

/** The second that a decision's counters live in. */
export function secondOf(decidedAt: string): number {
  return Math.floor(Date.parse(decidedAt) / 1000)
}

/** What a decision's counters belong to; undefined for one that leaves none: forced, or made while the experiment was paused. */
export function cohortOf(decision: Pick<DecisionEvent, "reason" | "learn">): Cohort | undefined {
  if (decision.reason === "holdout") return "holdout"
  if (decision.reason === "forced" || decision.reason === "paused") return undefined
  return decision.learn ? "learned" : "excluded"
}

/** The same for a reward, which follows its decision; undefined also for one that came too late. */
export function rewardCohort(reward: Pick<RewardEvent, "learn" | "holdout" | "status">): Cohort | undefined {
  if (reward.status === "late") return undefined
  if (reward.holdout) return "holdout"
  return reward.learn ? "learned" : undefined
}

/** A reward in `SUM_UNITS` of its metric's bound, rounded half away from zero. */
export function toUnits(value: number, bound: number): number {
  return Math.sign(value) * Math.round((Math.abs(value) / bound) * SUM_UNITS) + 0
}

/** The square in `SQUARE_UNITS` of a value in `SUM_UNITS`: of the integer, so that a replaced reward takes away exactly what it had added. */
export function squareUnits(valueUnits: number): number {
  return Math.round((valueUnits * valueUnits) / (SUM_UNITS ** 2 / SQUARE_UNITS))
}
