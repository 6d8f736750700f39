import { assign, unitInterval } from "./assignment.ts"
import { type Choice, drawnChoice } from "./choice.ts"
import type { Context } from "./plan.ts"
import { allocationFor, type Snapshot } from "./snapshot.ts"

/** What is known of a request when its variant is chosen. */
export interface DecideRequest {
  readonly decisionId: string
  /** The caller's unit; without one the decision is its own unit. */
  readonly unitId: string | undefined
  /** What a contextual policy may look at. */
  readonly context: Context | undefined
  /** Index of a variant, undefined where none is forced. */
  readonly forcedIndex: number | undefined
}

/**
 * Chooses a variant. Pure: the same snapshot and request give the same choice.
 *
 * Order: a forced variant; an experiment that isn't running gives everyone the control; so does the holdout to its units, whatever the
 * stickiness; else the plan's allocation, drawn by the unit or, under `stickiness: request`, by the decision.
 */
export function decide(snapshot: Snapshot, request: DecideRequest): Choice {
  const { experiment, plan } = snapshot
  if (request.forcedIndex !== undefined) return snapshot.forced[request.forcedIndex] as Choice
  if (experiment.status !== "running") return snapshot.paused
  const unit = request.unitId ?? request.decisionId
  if (experiment.holdout > 0 && unitInterval(unit, snapshot.holdoutKey) < experiment.holdout) return snapshot.holdout
  const drawnBy = experiment.stickiness === "request" ? request.decisionId : unit
  if (plan.kind === "fixed") return plan.choices[assign(drawnBy, snapshot.keys, plan.allocation)] as Choice
  const allocation = allocationFor(snapshot, request.context)
  return drawnChoice(experiment.variants, assign(drawnBy, snapshot.keys, allocation), {
    allocation,
    reason: plan.reason,
  })
}
