import type { Arm } from "./policy.ts"

/** What an upper confidence bound is made of. */
interface Bounded {
  /** Of matured decisions. */
  readonly mean: number
  /** Decisions of the arm, open ones too, > 0. */
  readonly decisions: number
  /** ln N for N decisions of all arms, open ones too; ≥ 0, also where discounting left less than one decision. */
  readonly logTotal: number
}

/**
 * Index of every arm: its upper bound, Infinity for an arm without a matured decision.
 *
 * Open decisions count in n and N, never in the mean: a bound blind to them sends a whole delay's traffic to one arm.
 * Source: Joulani, György and Szepesvári (2013), ICML.
 */
export function upperBounds(arms: readonly Arm[], bound: (from: Bounded, arm: Arm) => number): number[] {
  const total = arms.reduce((sum, arm) => sum + arm.n + arm.pending, 0)
  const logTotal = Math.log(Math.max(1, total))
  return arms.map((arm) =>
    arm.n > 0 ? bound({ mean: arm.sum / arm.n, decisions: arm.n + arm.pending, logTotal }, arm) : Infinity,
  )
}
