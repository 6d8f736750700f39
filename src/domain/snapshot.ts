import type { Allocated } from "#policies/allocate.ts"
import type { Allocation } from "#policies/policy.ts"
import { exactAllocation } from "./allocation.ts"
import { type AssignmentKey, assignmentKey } from "./assignment.ts"
import { type Choice, certainChoice, drawnChoice } from "./choice.ts"
import type { Experiment } from "./experiment.ts"
import type { Context, ContextualPlan, Plan } from "./plan.ts"
import type { Lineage } from "./series.ts"

/** What a decision is made from: an experiment, the plan that says how its variants are chosen now, and what is prepared from both. Immutable; a change makes a new one. */
export interface Snapshot {
  readonly experiment: Experiment
  readonly revision: number
  /** Version of the counters that the plan was made from. */
  readonly stateVersion: number
  readonly plan: Plan
  /** Under which series and epoch what is decided is counted. */
  readonly lineage: SnapshotLineage
  readonly keys: readonly AssignmentKey[]
  readonly holdoutKey: AssignmentKey
  /** What a holdout unit gets, and what everyone gets while the experiment isn't running: the control, for certain. */
  readonly holdout: Choice
  readonly paused: Choice
  /** One per variant: what a caller gets who forces it. */
  readonly forced: readonly Choice[]
  /**
   * By chosen variant: indexes of the variants to ask, in order, until one answers. The chosen one, the fallback, where that is elsewhere those
   * that are in this process; last the number of variants, which stands for the static answer, where there is one.
   */
  readonly ladders: readonly (readonly number[])[]
  /** Which key signs this snapshot's tokens. */
  readonly keyId: string
}

/** The part of a `Lineage` that decisions carry. A variant that isn't named is in its first series. */
export type SnapshotLineage = Pick<Lineage, "series" | "epoch" | "enabledSince">

/** What a snapshot is made from. */
export interface SnapshotParts {
  readonly experiment: Experiment
  readonly revision: number
  readonly stateVersion: number
  /** One allocation for all requests with its reasons, or a plan that makes one for each. */
  readonly plan: Allocated | ContextualPlan
  /** Everything in its first series and epoch when left out. */
  readonly lineage?: SnapshotLineage
  readonly keyId: string
}

export function createSnapshot(parts: SnapshotParts): Snapshot {
  const { experiment } = parts
  const { variants } = experiment
  const indexOf = (id: string) => variants.findIndex((variant) => variant.id === id)
  const control = indexOf(experiment.control)
  return {
    ...parts,
    lineage: parts.lineage ?? { series: {}, epoch: 1 },
    plan: planOf(experiment, parts.plan),
    keys: variants.map((variant) => assignmentKey(experiment.id, variant.id)),
    // A NUL can't be in a variant id, so the holdout's coin is independent of every variant's draw.
    holdoutKey: assignmentKey(experiment.holdoutSalt ?? experiment.id, "\u0000holdout"),
    holdout: certainChoice(variants, control, "holdout"),
    paused: certainChoice(variants, control, "paused"),
    forced: variants.map((_, index) => certainChoice(variants, index, "forced")),
    ladders: variants.map((_, index) => ladderOf(experiment, index)),
  }
}

function ladderOf({ variants, fallback, staticAnswer }: Experiment, chosen: number): number[] {
  const fallbackIndex = variants.findIndex(({ id }) => id === fallback)
  const isLocal = (index: number) => variants[index]?.backend.kind === "embedded"
  const local = variants.flatMap(({ enabled }, index) => (enabled && isLocal(index) ? [index] : []))
  const afterFallback = isLocal(fallbackIndex) ? [] : local
  const last = staticAnswer === undefined ? [] : [variants.length]
  return [...new Set([chosen, fallbackIndex, ...afterFallback, ...last])]
}

/** The same revision under newer statistics. */
export function withPlan(
  snapshot: Snapshot,
  { stateVersion, plan }: Pick<SnapshotParts, "stateVersion" | "plan">,
): Snapshot {
  return { ...snapshot, stateVersion, plan: planOf(snapshot.experiment, plan) }
}

function planOf({ variants }: Experiment, given: SnapshotParts["plan"]): Plan {
  if ("kind" in given) return given
  const { reasons } = given
  const allocation = exactAllocation(given.allocation)
  const choices = reasons.map((reason, index) => drawnChoice(variants, index, { allocation, reason }))
  return { kind: "fixed", allocation, reasons, choices }
}

/** The allocation for a request with this context; without one, what a request that brings none would get. */
export function allocationFor({ plan }: Snapshot, context: Context = {}): Allocation {
  if (plan.kind === "fixed") return plan.allocation
  return exactAllocation(plan.policy.allocate(context, plan.state, plan.params))
}
