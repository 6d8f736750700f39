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

/** What the rewards of one decision and metric have added up to so far. */
export interface Credit {
  /** Ids of the postbacks already taken. */
  readonly eventIds: readonly string[]
  /** The aggregated reward in micro-units: what the counters hold for this decision. */
  readonly valueMicro: number
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
  return Math.sign(value) * Math.round(Math.abs(value) * MICRO)
}

/** Square of a reward in micro-units, from its micro-unit value, so that a replaced reward takes away exactly what it had added. */
export function squareMicro(valueMicro: number): number {
  return Math.round((valueMicro / MICRO) * valueMicro)
}

/**
 * Folds one reward into the credit of its decision and metric: exactly one effect, whatever is retried.
 *
 * @param previous what the decision had been credited for this metric, undefined for the first reward
 * @returns `duplicate` when this postback (or, under `first`, any) was taken before; else the new credit and the exact difference
 *          to add to the counters. A `max` that does not rise is `applied` with a zero difference, so that its retry is a duplicate.
 */
export function creditStep(
  previous: Credit | undefined,
  reward: { readonly eventId: string; readonly value: number; readonly aggregation: Aggregation },
): CreditStep {
  const valueMicro = toMicro(reward.value)
  if (previous === undefined) {
    return {
      answer: "applied",
      credit: { eventIds: [reward.eventId], valueMicro },
      delta: { decisions: 0, rewards: 1, sum: valueMicro, sumSq: squareMicro(valueMicro) },
    }
  }
  if (reward.aggregation === "first" || previous.eventIds.includes(reward.eventId)) return { answer: "duplicate" }
  const next = aggregate(reward.aggregation, previous.valueMicro, valueMicro)
  return {
    answer: "applied",
    credit: { eventIds: [...previous.eventIds, reward.eventId], valueMicro: next },
    delta: {
      decisions: 0,
      rewards: 0,
      sum: next - previous.valueMicro,
      sumSq: squareMicro(next) - squareMicro(previous.valueMicro),
    },
  }
}

function aggregate(aggregation: "last" | "sum" | "max", previous: number, value: number): number {
  if (aggregation === "last") return value
  if (aggregation === "sum") return previous + value
  return Math.max(previous, value)
}
