import { checkArms } from "./check-arms.ts"
import { type Allocation, type Arm, PolicyError } from "./policy.ts"
import { namedArms, type PolicyChoice } from "./policy-document.ts"
import { findPolicy } from "./registry.ts"
import { proportional } from "./shares.ts"

/** Who says an arm's probability: the policy, or the weights while the arm is a newcomer. */
export type AllocatedBy = "policy" | "burn_in"

export interface Allocated {
  readonly allocation: Allocation
  /** One per arm. */
  readonly reasons: readonly AllocatedBy[]
}

/**
 * The probability of every arm.
 *
 * An arm is a newcomer until it has had `burnInDecisions` decisions since it was enabled (`lifetime`). While all are, the weights hold. Beside
 * others each newcomer holds its weight share, all together at most `newcomerShare`, and the policy divides the rest among the others: nobody
 * new is starved, or handed all traffic while nothing is known of it. Policies that don't learn have no newcomers.
 *
 * The floor f mixes at last: p becomes (1 - K f) p + f over the K enabled arms.
 *
 * @param arms all arms of the experiment, in arm order
 * @param enabled one flag per arm, all when absent; a disabled arm gets 0 and its statistics are not looked at
 * @returns one probability per arm, each ≥ 0, summing to 1 within 1e-12
 * @throws PolicyError `no_arms` when none is enabled, `not_finite` on impossible statistics, `unknown_arm` when a parameter names an arm that
 *         does not exist, `infeasible_floor` when K f > 1
 */
export function allocate(policy: PolicyChoice, arms: readonly Arm[], enabled?: readonly boolean[]): Allocated {
  checkNames(policy, arms)
  const taking = enabled === undefined ? arms : arms.filter((_, i) => enabled[i] === true)
  checkArms(taking)
  const floor = policy.minPropensity
  if (taking.length * floor > 1 + 1e-12) {
    throw new PolicyError(
      "infeasible_floor",
      `minPropensity ${floor} for ${taking.length} variants is more than 1 in all; at most ${1 / taking.length} can be kept.`,
    )
  }
  const newcomers = taking.map((arm) => isNewcomer(policy, arm))
  const left = Math.max(0, 1 - taking.length * floor)
  const lifted = proportional(sharesOf(policy, taking, newcomers).map((share) => left * share + floor))
  const reasons = newcomers.map((newcomer): AllocatedBy => (newcomer ? "burn_in" : "policy"))
  if (enabled === undefined) return { allocation: lifted, reasons }
  let next = 0
  const places = enabled.map((takes) => (takes ? next++ : -1))
  return { allocation: places.map((i) => lifted[i] ?? 0), reasons: places.map((i) => reasons[i] ?? "policy") }
}

/** Whether an arm's own decisions are too few for the policy to decide about it. */
function isNewcomer({ kind, burnInDecisions }: PolicyChoice, { lifetime }: Pick<Arm, "lifetime">): boolean {
  return lifetime < burnInDecisions && findPolicy(kind).learns !== false
}

function sharesOf(policy: PolicyChoice, arms: readonly Arm[], newcomers: readonly boolean[]): readonly number[] {
  const rule = findPolicy(policy.kind)
  if (!newcomers.includes(true)) return rule.allocate(arms, policy.params)
  const weights = proportional(arms.map((arm) => arm.weight))
  if (!newcomers.includes(false)) return weights
  const wanted = weights.reduce((sum, weight, i) => sum + (newcomers[i] === true ? weight : 0), 0)
  const held = Math.min(wanted, policy.newcomerShare)
  const others = rule.allocate(
    arms.filter((_, i) => newcomers[i] === false),
    policy.params,
  )
  let next = 0
  return weights.map((weight, i) => {
    if (newcomers[i] === false) return (1 - held) * (others[next++] ?? 0)
    return wanted === 0 ? 0 : (weight / wanted) * held
  })
}

function checkNames(policy: PolicyChoice, arms: readonly Arm[]): void {
  for (const [parameter, id] of namedArms(policy)) {
    if (arms.some((arm) => arm.id === id)) continue
    const known = arms.map((arm) => `"${arm.id}"`).join(", ")
    throw new PolicyError(
      "unknown_arm",
      `${parameter} of policy ${policy.kind} is "${String(id)}"; there are ${known}.`,
    )
  }
}
