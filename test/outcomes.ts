import type { CounterKey } from "#src/domain/counters.ts"
import { type CounterAddition, type DecisionFacts, DecisionReader } from "#src/domain/decision-facts.ts"
import type { DecisionEvent, Reason, RewardEvent } from "#src/domain/events.ts"
import { parseOutcomeLine } from "#src/domain/outcome-line.ts"
import type { StatisticsQuery } from "#src/domain/statistics.ts"

/** 2026-11-20T12:00:00Z, a whole hour: buckets are easy to read from here. */
export const NOON = Date.UTC(2026, 10, 20, 12)

/** Asks for all that is counted of `champion`, the experiment's whole life. */
export const ALL_OF_CHAMPION = {
  metric: "click",
  bound: 1,
  series: { champion: 1 },
  memory: { kind: "all" },
  maturation: { kind: "none" },
  now: NOON,
} as const satisfies StatisticsQuery

interface Place {
  readonly decisionId?: string
  readonly variant?: string
  readonly experiment?: string
  readonly metric?: string
  readonly learn?: boolean
  /** Time of the decision, epoch milliseconds. Default noon. */
  readonly decidedAt?: number
  readonly series?: number
  readonly epoch?: number
  readonly group?: number
  readonly stickiness?: DecisionEvent["stickiness"]
  readonly propensity?: number
}

interface Decision extends Place {
  readonly unit?: string
  readonly reason?: Reason
  readonly allocation?: Readonly<Record<string, number>>
  readonly seriesByVariant?: Readonly<Record<string, number>>
  readonly error?: string
  readonly asked?: DecisionEvent["asked"]
}

/** What decisions and rewards have in common. */
function placed(place: Place) {
  return {
    v: 1,
    experiment: place.experiment ?? "banner-ctr",
    revision: 1,
    series: place.series ?? 1,
    epoch: place.epoch ?? 1,
    decisionId: place.decisionId ?? "D1",
    group: place.group ?? 7,
    stickiness: place.stickiness ?? "unit",
    variant: place.variant ?? "champion",
    propensity: place.propensity ?? 0.5,
    learn: place.learn ?? true,
    metric: place.metric ?? "click",
  }
}

export function decisionEvent(decision: Decision = {}): DecisionEvent {
  const shared = placed(decision)
  const event = parseOutcomeLine(
    JSON.stringify({
      ...shared,
      type: "decision",
      eventId: `d-${shared.decisionId}`,
      at: new Date(decision.decidedAt ?? NOON).toISOString(),
      ...(decision.seriesByVariant === undefined ? {} : { seriesByVariant: decision.seriesByVariant }),
      unit: decision.unit ?? "u0000000000000000000AA",
      allocation: decision.allocation ?? { champion: 0.5, challenger: 0.5 },
      policy: "thompson",
      stateVersion: 0,
      reason: decision.reason ?? "policy",
      features: { banner_pos: "0" },
      prediction: decision.error === undefined ? 0.3 : null,
      model: "ctr",
      servedBy: decision.error === undefined ? shared.variant : null,
      latencyMs: 0.2,
      error: decision.error ?? null,
      ...(decision.asked === undefined ? {} : { asked: decision.asked }),
    }),
  )
  if (event?.type !== "decision") throw new Error("not a decision")
  return event
}

interface Postback extends Place {
  readonly eventId?: string
  readonly value?: number
  readonly bound?: number
  readonly status?: RewardEvent["status"]
  readonly aggregation?: RewardEvent["aggregation"]
  readonly holdout?: boolean
  readonly delayWindowSeconds?: number
  /** When it was taken, epoch milliseconds. Default five seconds after the decision. */
  readonly at?: number
  /** Epoch milliseconds. Default two hours after the decision. */
  readonly expiresAt?: number
}

export function rewardEvent(postback: Postback = {}): RewardEvent {
  const shared = placed(postback)
  const decidedAt = postback.decidedAt ?? NOON
  const value = postback.value ?? 1
  const event = parseOutcomeLine(
    JSON.stringify({
      ...shared,
      type: "reward",
      eventId: postback.eventId ?? `r-${shared.decisionId}-${shared.metric}`,
      at: new Date(postback.at ?? decidedAt + 5_000).toISOString(),
      decidedAt: new Date(decidedAt).toISOString(),
      value,
      bound: postback.bound ?? Math.max(1, Math.abs(value)),
      status: postback.status ?? "applied",
      aggregation: postback.aggregation ?? "first",
      holdout: postback.holdout ?? false,
      ...(postback.delayWindowSeconds === undefined ? {} : { delayWindowSeconds: postback.delayWindowSeconds }),
      expiresAt: new Date(postback.expiresAt ?? decidedAt + 7_200_000).toISOString(),
    }),
  )
  if (event?.type !== "reward") throw new Error("not a reward")
  return event
}

/** `count` decisions of one counter, as a fold takes them. */
export function decisions(key: Omit<CounterKey, "metric">, count: number): CounterAddition {
  return { key: { ...key, metric: "" }, delta: { count, sum: 0, sumSq: 0 } }
}

export function factsOf(event: DecisionEvent): DecisionFacts {
  return new DecisionReader().facts(event)
}
