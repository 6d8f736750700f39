import type { DecisionId, ExperimentId, VariantId } from "./ids.ts"

/** Why a decision chose its variant. */
export type Reason = "policy" | "burn_in" | "holdout" | "forced" | "paused"

/** How several rewards of one decision and metric become its one effect. */
export type Aggregation = "first" | "last" | "sum" | "max"

/**
 * One served choice. `propensity` is the probability that `variant` was chosen with, `allocation` the whole vector by variant id.
 * `servedBy` is the variant that answered; where it differs from `variant` the decision is not learned from.
 */
export interface DecisionEvent {
  readonly v: 1
  readonly type: "decision"
  /** Stable across retries: `d-` and the decision id. */
  readonly eventId: string
  /** ISO 8601, UTC, milliseconds. */
  readonly at: string
  readonly experiment: ExperimentId
  readonly revision: number
  /** Rises for a variant when what it measures changes; statistics of different series are not mixed. From 1. */
  readonly series: number
  /** Every variant's series, where they differ from `series`. */
  readonly seriesByVariant?: Readonly<Record<string, number>>
  /** Begins anew when static weights or coverage change. From 1. */
  readonly epoch: number
  readonly decisionId: DecisionId
  /** Keyed hash of the unit id, never the id. */
  readonly unit: string
  /** Unit group, 0 to 63: a keyed hash of its own. */
  readonly group: number
  readonly stickiness: "unit" | "request"
  readonly variant: VariantId
  readonly propensity: number
  readonly allocation: Readonly<Record<string, number>>
  readonly policy: string
  readonly stateVersion: number
  readonly reason: Reason
  /** Whether counters learn from this decision and its rewards. */
  readonly learn: boolean
  /** The metric that the experiment learns from at this revision. */
  readonly metric: string
  readonly features: unknown
  readonly prediction: number | readonly number[] | null
  readonly model: string | null
  /** Null: nobody answered. */
  readonly servedBy: VariantId | null
  readonly latencyMs: number
  readonly error: string | null
}

/** One accepted reward postback. Self-contained: the fold needs no experiment document. */
export interface RewardEvent {
  readonly v: 1
  readonly type: "reward"
  /** Stable across retries of the same postback: decision id, metric and the caller's event id (or the value, where it sent none). */
  readonly eventId: string
  readonly at: string
  readonly experiment: ExperimentId
  readonly revision: number
  readonly series: number
  readonly epoch: number
  readonly decisionId: DecisionId
  readonly group: number
  readonly stickiness: "unit" | "request"
  readonly variant: VariantId
  readonly propensity: number
  /** Time of the decision, ISO 8601. The counters' bucket comes from it. */
  readonly decidedAt: string
  readonly metric: string
  /** Finite, within the experiment's bounds. */
  readonly value: number
  /** Largest magnitude of the metric's bounds: counters keep sums in millionths of it. */
  readonly bound: number
  readonly status: "applied" | "late"
  readonly aggregation: Aggregation
  readonly learn: boolean
  /** Whether the decision was a holdout's. */
  readonly holdout: boolean
  /** When the decision's token dies, ISO 8601: what is remembered of it can go a day later. */
  readonly expiresAt: string
}

/** A configuration change. `document` is the whole new document, null when the experiment was removed. */
export interface ExperimentEvent {
  readonly v: 1
  readonly type: "experiment"
  readonly eventId: string
  readonly at: string
  readonly experiment: ExperimentId
  readonly revision: number
  readonly actor: string
  /** One line per changed path: `policy.kind: "static" -> "thompson"`. */
  readonly diff: readonly string[]
  readonly document: unknown
}

export type OutcomeEvent = DecisionEvent | RewardEvent | ExperimentEvent
