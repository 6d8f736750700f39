import { checkArms } from "./check-arms.ts"
import { type Allocation, type Arm, PolicyError } from "./policy.ts"
import type { PolicyChoice } from "./policy-document.ts"
import { findPolicy } from "./registry.ts"
import { proportional } from "./shares.ts"

/** Who made the allocation: the policy, or the weights while the burn-in lasts. */
export interface Allocated {
  readonly allocation: Allocation
  readonly reason: "policy" | "burn_in"
}

/**
 * The probability of every arm: the policy's, lifted to the minimum propensity, or the weights' during burn-in.
 *
 * The floor f mixes: p becomes (1 - K f) p + f over the K enabled arms, during burn-in too.
 *
 * @param arms all arms of the experiment, in arm order
 * @param enabled one flag per arm, all when absent; a disabled arm gets 0 and its statistics are not looked at
 * @returns one probability per arm, each ≥ 0, summing to 1 within 1e-12
 * @throws PolicyError `no_arms` when none is enabled, `not_finite` on impossible statistics, `unknown_arm` when a parameter names an arm that
 *         does not exist, `infeasible_floor` when K f > 1
 */
export function allocate(policy: PolicyChoice, arms: readonly Arm[], enabled?: readonly boolean[]): Allocated {
  const rule = findPolicy(policy.kind)
  for (const id of rule.namedArms?.(policy.params) ?? []) {
    if (!arms.some((arm) => arm.id === id)) {
      throw new PolicyError(
        "unknown_arm",
        `Policy ${policy.kind} names "${id}"; there are ${arms.map((arm) => `"${arm.id}"`).join(", ")}.`,
      )
    }
  }
  const taking = enabled === undefined ? arms : arms.filter((_, i) => enabled[i] === true)
  checkArms(taking)
  const floor = policy.minPropensity
  if (taking.length * floor > 1 + 1e-12) {
    throw new PolicyError(
      "infeasible_floor",
      `minPropensity ${floor} for ${taking.length} variants is more than 1 in all; at most ${1 / taking.length} can be kept.`,
    )
  }
  const decisions = taking.reduce((sum, arm) => sum + arm.n + arm.pending, 0)
  const burningIn = decisions < policy.burnInDecisions
  const shares = burningIn ? proportional(taking.map((arm) => arm.weight)) : rule.allocate(taking, policy.params)
  const left = Math.max(0, 1 - taking.length * floor)
  const lifted = proportional(shares.map((share) => left * share + floor))
  let next = 0
  const allocation =
    enabled === undefined ? lifted : arms.map((_, i) => (enabled[i] === true ? (lifted[next++] ?? 0) : 0))
  return { allocation, reason: burningIn ? "burn_in" : "policy" }
}
