import { type CounterAddition, counterAdditions } from "../../domain/decision-facts.ts"
import type { RewardEvent } from "../../domain/events.ts"
import type { Experiment } from "../../domain/experiment.ts"
import type { DecisionId, VariantId } from "../../domain/ids.ts"
import { boundOf } from "../../domain/metric.ts"
import type { Arrival } from "../../ports/evaluation-log.ts"
import type { EvaluatedDecision } from "./target.ts"

/** What a row adds to the counters as a decision that is learned from. */
export function loggedDecision(
  { id, stickiness }: Experiment,
  variant: VariantId,
  { at, series }: EvaluatedDecision,
): readonly CounterAddition[] {
  const facts = {
    cohort: "learned" as const,
    variant,
    series,
    // Group rows alone are made from these.
    propensityNanos: 0,
    weighted: stickiness === "request",
    allocation: { experiment: id, epoch: 1, variants: [] },
  }
  return counterAdditions(facts, Math.floor(at / 1000), { count: 1, failed: 0 })
}

/** One of a row's rewards as the event that counters fold. @param arrival with a name that no other reward has */
export function loggedReward(
  { id, stickiness, reward }: Experiment,
  variant: VariantId,
  { at, series, propensity }: EvaluatedDecision,
  arrival: Arrival & { readonly name: string },
): RewardEvent {
  const decidedAt = new Date(at).toISOString()
  const [row = ""] = arrival.name.split("-")
  return {
    v: 1,
    type: "reward",
    eventId: arrival.name,
    at: new Date(arrival.at).toISOString(),
    experiment: id,
    revision: 1,
    series,
    epoch: 1,
    decisionId: row as DecisionId,
    group: 0,
    variant,
    propensity,
    decidedAt,
    stickiness,
    metric: reward.metric,
    value: arrival.value,
    bound: boundOf(reward),
    aggregation: reward.aggregation,
    ...(reward.maturation === "expected" ? { delayWindowSeconds: reward.attributionWindowSeconds } : {}),
    learn: true,
    holdout: false,
    expiresAt: decidedAt,
    status: "applied",
  }
}
