import type * as z from "zod"

/**
 * What a policy knows of one arm. Additive, so that instances can merge theirs.
 *
 * `n`        decisions whose outcome is known (matured), ≥ 0; fractional under discounting
 * `pending`  decisions whose outcome is still open, ≥ 0; they are in neither `n` nor the sums
 * `sum`      sum of rewards; for binary rewards the number of successes, 0 ≤ sum ≤ n
 * `sumSq`    sum of squared rewards, ≥ 0
 * `weight`   configured share, ≥ 0; only ratios matter. Used by `static`, `canary` and burn-in
 * `lifetime` decisions since the arm was last enabled that count for its burn-in, ≥ 0; never discounted. Policies don't look at it
 * `id`       name of the variant, used only where parameters refer to one (`canary`)
 */
export interface Arm {
  readonly id: string
  readonly n: number
  readonly pending: number
  readonly sum: number
  readonly sumSq: number
  readonly weight: number
  readonly lifetime: number
}

/** One probability per arm, in arm order, each in [0, 1], summing to 1 within 1e-9. */
export type Allocation = readonly number[]

/** A rule that turns statistics into an allocation. It never picks an arm, reads a clock or keeps state. */
export interface Policy<Params = unknown> {
  readonly kind: string
  /** Validates the parameters, fills defaults and documents them. */
  readonly params: z.ZodObject & z.ZodType<Params>
  /** The first parameter's name: what `simulate --policies kind:value` sets. Absent where there is none. */
  readonly shorthand?: string
  /** Whether the allocation moves with `pending` too, so that every decision may change it and not only outcomes. Absent: it doesn't. */
  countsPending?(params: Params): boolean
  /** Parameters that hold the id of an arm (`challenger` of `canary`); it must be a variant of the experiment. Absent: none does. */
  readonly namedArms?: readonly string[]
  /** Smallest and largest reward of one decision that the mathematics allows. Absent: any. */
  readonly rewardRange?: readonly [number, number]
  /** False where the allocation is what people say, whatever is learned: then there is no burn-in, and other parameters divide the traffic anew. */
  readonly learns?: false
  /**
   * @param arms enabled arms only, K ≥ 1, in arm order
   * @returns K probabilities in arm order; the same input gives the same output
   * @throws PolicyError `no_arms` when K = 0, `not_finite` when a statistic is NaN, infinite or negative where it can't be
   */
  allocate(arms: readonly Arm[], params: Params): Allocation
}

/** Raised by policies on input that no counter can reach. */
export class PolicyError extends Error {
  readonly code: "no_arms" | "not_finite" | "unknown_arm" | "infeasible_floor"
  constructor(code: PolicyError["code"], message: string) {
    super(message)
    this.name = "PolicyError"
    this.code = code
  }
}
