import type { Aggregation, DecisionEvent, RewardEvent } from "./events.ts"

/** Rewards are counted in integer millionths, so that sums are exact and independent of order. */
export const MICRO = 1_000_000

/** Largest magnitude of a single reward: keeps a bucket's sum of squares inside 64 bits. */
export const MAX_REWARD = 10_000

/** Which counter an outcome belongs to. `bucket` is the second of the decision (epoch seconds), never of the reward. */
export interface CounterKey {
  readonly experiment: string
  readonly variant: string
  readonly metric: string
  readonly bucket: number
}

/** Integer additions to one counter. `sum` and `sumSq` are in micro-units; all but `decisions` may be negative (a replaced reward). */
export interface CounterDelta {
  readonly decisions: number
  readonly rewards: number
  readonly sum: number
  readonly sumSq: number
}

/** Most postbacks that one decision takes for one metric; later ones are duplicates, so that no decision grows without bound. */
export const MAX_POSTBACKS = 1_000

/** What the rewards of one decision and metric have added up to so far. */
export interface Credit {
  /** Ids of the postbacks already taken, at most `MAX_POSTBACKS`. */
  readonly eventIds: readonly string[]
  /** The aggregated reward in micro-units: what the counters hold for this decision. Magnitude at most `MAX_REWARD`. */
  readonly valueMicro: number
  /** Whether the counters hold it: false while every postback was late or of a decision that isn't learned from. */
  readonly counted: boolean
}

/** The effect of one reward event on the counters, given what its decision was credited before. */
export type CreditStep =
  | { readonly answer: "duplicate" }
  | { readonly answer: "applied"; readonly credit: Credit; readonly delta: CounterDelta }

/** The second that a decision's counters live in. */
export function bucketOf(decidedAt: string): number {
  return Math.floor(Date.parse(decidedAt) / 1000)
}

export function decisionKey(event: Pick<DecisionEvent, "experiment" | "variant" | "metric" | "at">): CounterKey {
  return { experiment: event.experiment, variant: event.variant, metric: event.metric, bucket: bucketOf(event.at) }
}

export function rewardKey(event: Pick<RewardEvent, "experiment" | "variant" | "metric" | "decidedAt">): CounterKey {
  return {
    experiment: event.experiment,
    variant: event.variant,
    metric: event.metric,
    bucket: bucketOf(event.decidedAt),
  }
}

/** Micro-units of a reward, rounded half away from zero. */
export function toMicro(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value) * MICRO) + 0
}

/** Square of a reward in micro-units, from its micro-unit value, so that a replaced reward takes away exactly what it had added. */
export function squareMicro(valueMicro: number): number {
  return Math.round((valueMicro / MICRO) * valueMicro)
}

/** Whether a postback would change nothing: taken before, or, under `first`, not the first. */
export function isDuplicate(
  previous: Credit | undefined,
  postback: { readonly eventId: string; readonly aggregation: Aggregation },
): boolean {
  if (previous === undefined) return false
  if (postback.aggregation === "first" || previous.eventIds.length >= MAX_POSTBACKS) return true
  return previous.eventIds.includes(postback.eventId)
}

/**
 * Folds one reward into the credit of its decision and metric: exactly one effect, whatever is retried.
 *
 * A reward that is late, or whose decision isn't learned from, is remembered (its retry is a duplicate) and adds nothing.
 *
 * @param previous what the decision had been credited for this metric, undefined for the first reward
 * @returns `duplicate` when this postback (or, under `first`, any) was taken before; else the new credit and the exact difference
 *          to add to the counters. A `max` that does not rise is `applied` with a zero difference, so that its retry is a duplicate.
 */
export function creditStep(
  previous: Credit | undefined,
  reward: Pick<RewardEvent, "eventId" | "value" | "aggregation" | "status" | "learn">,
): CreditStep {
  if (isDuplicate(previous, reward)) return { answer: "duplicate" }
  const eventIds = [...(previous?.eventIds ?? []), reward.eventId]
  const before = previous?.counted === true ? previous.valueMicro : undefined
  if (reward.status === "late" || !reward.learn) {
    return {
      answer: "applied",
      credit: { eventIds, valueMicro: before ?? 0, counted: before !== undefined },
      delta: { decisions: 0, rewards: 0, sum: 0, sumSq: 0 },
    }
  }
  const value = toMicro(reward.value)
  const next = before === undefined ? value : aggregate(reward.aggregation, before, value)
  return {
    answer: "applied",
    credit: { eventIds, valueMicro: next, counted: true },
    delta: {
      decisions: 0,
      rewards: before === undefined ? 1 : 0,
      sum: next - (before ?? 0),
      sumSq: squareMicro(next) - squareMicro(before ?? 0),
    },
  }
}

function aggregate(aggregation: Aggregation, before: number, value: number): number {
  // Under `first` a second reward gets here only when the experiment's aggregation changed: it is a duplicate above.
  if (aggregation === "max") return Math.max(before, value)
  if (aggregation === "last") return value
  const limit = MAX_REWARD * MICRO
  return Math.max(-limit, Math.min(limit, before + value))
}
