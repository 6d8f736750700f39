import type { Allocation } from "#policies/policy.ts"
import { type AssignmentKey, assignmentKey } from "./assignment.ts"
import type { Reason } from "./events.ts"
import type { Experiment } from "./experiment.ts"
import type { VariantId } from "./ids.ts"
import { tokenHead } from "./token.ts"

/**
 * Everything about one way of choosing one variant that is the same for all decisions made so: prepared once per snapshot, so that a
 * decision only appends its own id and answer.
 */
export interface Choice {
  readonly index: number
  readonly variant: VariantId
  readonly propensity: number
  readonly learn: boolean
  readonly reason: Reason
  readonly tokenHead: string
  /** JSON members of the decision event from `experiment` to `metric`, without braces. */
  readonly eventMembers: string
}

/** An experiment, its allocation and what follows from them: immutable, replaced whole. */
export interface Snapshot {
  readonly experiment: Experiment
  readonly revision: number
  readonly stateVersion: number
  /** One probability per variant, in the document's order. */
  readonly allocation: Allocation
  /** Whether the allocation came from the policy or from burn-in. */
  readonly reason: "policy" | "burn_in"
  readonly keys: readonly AssignmentKey[]
  readonly holdoutKey: AssignmentKey
  /** One per variant: chosen by the allocation. */
  readonly drawn: readonly Choice[]
  /** What a holdout unit gets, and what everyone gets while the experiment isn't running: the control, for certain. */
  readonly holdout: Choice
  readonly paused: Choice
  /** By chosen variant: indexes of the variants to ask, in order, until one answers. The chosen one, then the fallback. */
  readonly ladders: readonly (readonly number[])[]
  /** Which key signs this snapshot's tokens. */
  readonly keyId: string
}

/** What a snapshot is made from. */
export interface SnapshotParts {
  readonly experiment: Experiment
  readonly revision: number
  readonly stateVersion: number
  readonly allocation: Allocation
  readonly reason: "policy" | "burn_in"
  readonly keyId: string
}

export function createSnapshot(parts: SnapshotParts): Snapshot {
  const { experiment } = parts
  const indexOf = (id: string) => experiment.variants.findIndex((variant) => variant.id === id)
  return {
    ...parts,
    keys: experiment.variants.map((variant) => assignmentKey(experiment.id, variant.id)),
    // A NUL can't be in a variant id, so the holdout's coin is independent of every variant's draw.
    holdoutKey: assignmentKey(experiment.id, "\u0000holdout"),
    drawn: experiment.variants.map((_, index) =>
      createChoice(parts, index, { reason: parts.reason, allocation: parts.allocation, learn: true }),
    ),
    holdout: certainChoice(parts, indexOf(experiment.control), "holdout"),
    paused: certainChoice(parts, indexOf(experiment.control), "paused"),
    ladders: experiment.variants.map((_, index) => [...new Set([index, indexOf(experiment.fallback)])]),
  }
}

/** A choice that chance had no part in: holdout, forced or paused. Its allocation is that variant alone; nothing is learned from it. */
export function certainChoice(
  parts: SnapshotParts,
  index: number,
  reason: "holdout" | "forced" | "paused" | "fallback",
): Choice {
  const allocation = parts.experiment.variants.map((_, i) => (i === index ? 1 : 0))
  return createChoice(parts, index, { reason, allocation, learn: false })
}

/** The same choice with its true propensity, answered by the fallback: logged, not learned from. */
export function degradedChoice(snapshot: Snapshot, choice: Choice): Choice {
  if (!snapshot.drawn.includes(choice)) return certainChoice(snapshot, choice.index, "fallback")
  return createChoice(snapshot, choice.index, { reason: "fallback", allocation: snapshot.allocation, learn: false })
}

function createChoice(
  parts: SnapshotParts,
  index: number,
  how: { readonly reason: Reason; readonly allocation: Allocation; readonly learn: boolean },
): Choice {
  const { experiment, revision, stateVersion, keyId } = parts
  const variant = (experiment.variants[index] as Experiment["variants"][number]).id
  const propensity = how.allocation[index] as number
  const policy = experiment.policy.kind
  const { metric, attributionWindowSeconds } = experiment.reward
  const allocation = Object.fromEntries(experiment.variants.map(({ id }, i) => [id, how.allocation[i]]))
  const { reason, learn } = how
  return {
    index,
    variant,
    propensity,
    learn,
    reason,
    tokenHead: tokenHead(keyId, {
      experiment: experiment.id,
      revision,
      variant,
      propensity,
      attributionWindowSeconds,
      learn,
    }),
    eventMembers: members({
      experiment: experiment.id,
      revision,
      variant,
      propensity,
      allocation,
      policy,
      stateVersion,
      reason,
      learn,
      metric,
    }),
  }
}

function members(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(fields).slice(1, -1)
}
