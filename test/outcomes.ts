import { type DecisionFacts, DecisionReader } from "#src/domain/decision-facts.ts"
import type { DecisionEvent, RewardEvent } from "#src/domain/events.ts"
import { parseOutcomeLine } from "#src/domain/outcome-line.ts"

/** 2026-11-20T12:00:00Z, a whole hour: buckets are easy to read from here. */
export const NOON = Date.UTC(2026, 10, 20, 12)

interface Place {
  readonly decisionId?: string
  readonly variant?: string
  readonly experiment?: string
  readonly metric?: string
  readonly learn?: boolean
  readonly group?: number
  readonly stickiness?: "unit" | "request"
  readonly reason?: DecisionEvent["reason"]
  readonly error?: string
  /** Time of the decision, epoch milliseconds. Default noon. */
  readonly decidedAt?: number
}

export function decisionEvent(place: Place = {}): DecisionEvent {
  const variant = place.variant ?? "champion"
  const event = parseOutcomeLine(
    JSON.stringify({
      v: 1,
      type: "decision",
      eventId: `d-${place.decisionId ?? "D1"}`,
      at: new Date(place.decidedAt ?? NOON).toISOString(),
      experiment: place.experiment ?? "banner-ctr",
      revision: 1,
      series: 1,
      epoch: 1,
      decisionId: place.decisionId ?? "D1",
      unit: "AAAAAAAAAAAAAAAAAAAAAA",
      group: place.group ?? 0,
      stickiness: place.stickiness ?? "unit",
      variant,
      propensity: 0.5,
      allocation: { champion: 0.5, challenger: 0.5 },
      policy: "thompson",
      stateVersion: 0,
      reason: place.reason ?? "policy",
      learn: place.learn ?? true,
      metric: place.metric ?? "click",
      features: { banner_pos: "0" },
      prediction: 0.3,
      model: "ctr",
      servedBy: variant,
      latencyMs: 0.2,
      error: place.error ?? null,
    }),
  )
  if (event?.type !== "decision") throw new Error("not a decision")
  return event
}

interface Postback extends Place {
  readonly eventId?: string
  readonly value?: number
  readonly bound?: number
  readonly holdout?: boolean
  readonly status?: RewardEvent["status"]
  readonly aggregation?: RewardEvent["aggregation"]
}

export function rewardEvent(postback: Postback = {}): RewardEvent {
  const decisionId = postback.decisionId ?? "D1"
  const metric = postback.metric ?? "click"
  const decidedAt = postback.decidedAt ?? NOON
  const event = parseOutcomeLine(
    JSON.stringify({
      v: 1,
      type: "reward",
      eventId: postback.eventId ?? `r-${decisionId}-${metric}`,
      at: new Date(decidedAt + 5_000).toISOString(),
      experiment: postback.experiment ?? "banner-ctr",
      revision: 1,
      series: 1,
      epoch: 1,
      decisionId,
      group: postback.group ?? 0,
      variant: postback.variant ?? "champion",
      propensity: 0.5,
      decidedAt: new Date(decidedAt).toISOString(),
      stickiness: postback.stickiness ?? "unit",
      metric,
      value: postback.value ?? 1,
      bound: postback.bound ?? 1,
      status: postback.status ?? "applied",
      aggregation: postback.aggregation ?? "first",
      learn: postback.learn ?? true,
      holdout: postback.holdout ?? false,
      expiresAt: new Date(decidedAt + 7_200_000).toISOString(),
    }),
  )
  if (event?.type !== "reward") throw new Error("not a reward")
  return event
}

export function factsOf(event: DecisionEvent): DecisionFacts {
  return new DecisionReader().facts(event)
}
