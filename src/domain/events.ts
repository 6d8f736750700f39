import type { DecisionId, ExperimentId, VariantId } from "./ids.ts"
import type { Lineage } from "./series.ts"

/** Why a decision chose its variant. */
export type Reason = "policy" | "burn_in" | "holdout" | "forced" | "paused"

/** How several rewards of one decision and metric become its one effect. */
export type Aggregation = "first" | "last" | "sum" | "max"

/**
 * One choice that was made for a request, whatever became of it: a variant whose failures left no trace would look better than it is, and the
 * ratio of decisions would differ from the allocation.
 *
 * `propensity` is the probability that `variant` was chosen with, `allocation` the whole vector by variant id; `Choice` says what it means
 * under each stickiness.
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
  /** Of the chosen variant, from 1: rises when what its statistics measure changes. */
  readonly series: number
  /** Of every variant; absent where all are equal to `series`. */
  readonly seriesByVariant?: Readonly<Record<string, number>>
  /** From 1: rises when a person divides the traffic otherwise. */
  readonly epoch: number
  /** The metric that the experiment learns from at this revision. */
  readonly metric: string
  readonly decisionId: DecisionId
  /** Keyed hash of the unit id, never the id. */
  readonly unit: string
  /** Of the unit, 0 to 63: variances go by groups. */
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
  readonly features: unknown
  /** What a contextual policy decided on; absent where the policy looks at none. */
  readonly context?: unknown
  /** Null where nobody answered, or with a body that only the caller reads. */
  readonly prediction: number | readonly number[] | null
  /** What answered; null where nobody did. */
  readonly model: string | null
  readonly servedBy: VariantId | null
  readonly latencyMs: number
  /** Why the chosen variant did not answer; null where it did. */
  readonly error: string | null
  /** Who was asked, in order, until somebody answered: the chosen variant first. Absent from lines of before calls were counted. */
  readonly asked?: readonly AskedVariant[]
}

/** One variant that was asked for a decision's prediction: a rung of the ladder. */
export interface AskedVariant {
  /** `_static` for the static answer. */
  readonly variant: string
  /** Of TARGETS_FILE; absent for what answers in the gateway's own process. */
  readonly target?: string
  /** Of the HTTP answer that came last; absent where none came or none was waited for. */
  readonly status?: number
  /** Why it did not answer; absent where it did. */
  readonly error?: string
  /** From asking to its answer or failure, milliseconds. */
  readonly ms: number
}

/**
 * One accepted reward postback. Self-contained: the fold needs no experiment document. Kind, bounds and aggregation are those of the revision
 * that the decision was made by.
 */
export interface RewardEvent {
  readonly v: 1
  readonly type: "reward"
  /** Stable across retries of the same postback: decision id, metric and the caller's event id (or the value, where it sent none). */
  readonly eventId: string
  readonly at: string
  readonly experiment: ExperimentId
  /** The decision's, like everything up to `stickiness`. */
  readonly revision: number
  readonly series: number
  readonly epoch: number
  readonly decisionId: DecisionId
  readonly group: number
  readonly variant: VariantId
  readonly propensity: number
  /** Time of the decision, ISO 8601. The counters' bucket comes from it. */
  readonly decidedAt: string
  readonly stickiness: "unit" | "request"
  readonly metric: string
  /** Finite, within the metric's bounds. */
  readonly value: number
  /** The largest magnitude of the metric's bounds: sums are kept in millionths of it. */
  readonly bound: number
  /** Which of the decision's instances it was for, from 0; absent where the caller didn't say. No effect on counters. */
  readonly instance?: number | undefined
  readonly aggregation: Aggregation
  /**
   * The metric's attribution window. Only where the experiment learns by `maturation: expected`: counters then also tell how long after its
   * decision the reward came.
   */
  readonly delayWindowSeconds?: number | undefined
  readonly learn: boolean
  /** Whether the decision was a holdout's. */
  readonly holdout: boolean
  /** When the decision's token dies, ISO 8601: what is remembered of the decision can go a day later. */
  readonly expiresAt: string
  /** `late`: after the metric's attribution window, logged and not counted. */
  readonly status: "applied" | "late"
}

/** Where a document came from: a folder that is watched, or a call. Pausing and resuming change no document's source. */
export type RevisionSource = "folder" | "api"

/** A configuration change. `document` is the whole new document, null when the experiment was removed. */
export interface ExperimentEvent {
  readonly v: 1
  readonly type: "experiment"
  readonly eventId: string
  readonly at: string
  readonly experiment: ExperimentId
  readonly revision: number
  readonly actor: string
  readonly source: RevisionSource
  /** SHA-256 of each variant's model, in hex, by variant id; variants whose models are somewhere else are left out. */
  readonly models: Readonly<Record<string, string>>
  /** What statistics are filed under from this revision on. */
  readonly lineage: Lineage
  /** One line per changed path: `policy.kind: "static" -> "thompson"`. */
  readonly diff: readonly string[]
  /** What its author said about it. */
  readonly reason?: string
  /** The status that a pause over the API holds back; absent where nothing is held. */
  readonly held?: HeldStatus
  readonly document: unknown
}

/** What a paused experiment comes back to when it is resumed. */
export type HeldStatus = "draft" | "running" | "paused"

/** How far an audit trail reaches. A trail that ends before it was cut. */
export interface AuditEvent {
  readonly v: 1
  readonly type: "audit"
  readonly eventId: string
  readonly at: string
  /** Id of the trail. */
  readonly chain: string
  /** Its last line, from 1. */
  readonly seq: number
  /** SHA-256 of that line, in hex. */
  readonly hash: string
}

export type OutcomeEvent = DecisionEvent | RewardEvent | ExperimentEvent | AuditEvent
