import type { AllocatedBy } from "#policies/allocate.ts"
import type { Allocation } from "#policies/policy.ts"
import type { Reason } from "./events.ts"
import type { VariantId } from "./ids.ts"

/**
 * One choice of one variant: what was chosen, with which probability, from what, and why.
 *
 * Under `stickiness: request`, `propensity` is the probability of this choice given everything before it, so that rows of the log can be
 * weighted by it as they are. Under `stickiness: unit` it is the probability over the hash for a unit seen for the first time: later choices
 * for the same unit follow from the first, so that estimates take one row per unit, its first, and variances go by unit groups.
 */
export interface Choice {
  /** Of the variant, in the document's order. */
  readonly index: number
  readonly variant: VariantId
  /** In (0, 1], a whole number of billionths: `allocation[index]`, the number that the sampler used. */
  readonly propensity: number
  /** What it was drawn from; the chosen variant alone where nothing was drawn. */
  readonly allocation: Allocation
  readonly reason: Reason
  /** Whether the experiment learns from it: from drawn choices only. */
  readonly learn: boolean
}

/** A choice of one variant for certain: the control for a holdout unit or a paused experiment, or what a caller forces. Nothing is learned from it. */
export function certainChoice(
  variants: readonly { readonly id: VariantId }[],
  index: number,
  reason: "holdout" | "forced" | "paused",
): Choice {
  const allocation = variants.map((_, i) => (i === index ? 1 : 0))
  return { index, variant: variantAt(variants, index), propensity: 1, allocation, reason, learn: false }
}

/** A choice that was drawn from an allocation, which the policy or the burn-in of the chosen variant said. */
export function drawnChoice(
  variants: readonly { readonly id: VariantId }[],
  index: number,
  from: { readonly allocation: Allocation; readonly reason: AllocatedBy },
): Choice {
  const { allocation, reason } = from
  return {
    index,
    variant: variantAt(variants, index),
    propensity: allocation[index] as number,
    allocation,
    reason,
    learn: true,
  }
}

function variantAt(variants: readonly { readonly id: VariantId }[], index: number): VariantId {
  return (variants[index] as { readonly id: VariantId }).id
}
