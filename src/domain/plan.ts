import type { AllocatedBy } from "#policies/allocate.ts"
import type { Allocation } from "#policies/policy.ts"
import type { Choice } from "./choice.ts"

/** What a contextual policy may look at of one request: name to value. */
export type Context = Readonly<Record<string, string | number | boolean>>

/** One allocation for every request. */
export interface FixedPlan {
  readonly kind: "fixed"
  /** One probability per variant in the document's order, whole billionths. */
  readonly allocation: Allocation
  /** One per variant: who says its probability. */
  readonly reasons: readonly AllocatedBy[]
  /** One per variant: chosen by the allocation. */
  readonly choices: readonly Choice[]
}

/** A policy whose allocation depends on the request. Pure: the same context, state and parameters give the same allocation. */
export interface ContextualPolicy {
  /**
   * @param context what the caller sent, unchecked beyond being names and values; empty where it sent none
   * @returns one probability per variant of the experiment, in the document's order, 0 for a disabled one, floors applied
   */
  allocate(context: Context, state: unknown, params: unknown): Allocation
}

/** An allocation for each request, from its context. `state` and `params` are the policy's own, immutable. */
export interface ContextualPlan {
  readonly kind: "contextual"
  readonly policy: ContextualPolicy
  readonly state: unknown
  readonly params: unknown
  readonly reason: AllocatedBy
}

export type Plan = FixedPlan | ContextualPlan
