import * as z from "zod"
import { checkArms } from "./check-arms.ts"
import type { Arm, Policy } from "./policy.ts"
import { onLargest } from "./shares.ts"

const params = z.strictObject({})

/**
 * Index of every arm: m + √(ln N / n · min(1/4, v + √(2 ln N / n))), mean m and variance v from matured decisions, n and N from all,
 * open ones too; Infinity for an arm without a matured decision.
 */
export function ucb1TunedIndices(arms: readonly Arm[]): number[] {
  const total = arms.reduce((sum, arm) => sum + arm.n + arm.pending, 0)
  const logTotal = Math.log(Math.max(1, total))
  return arms.map((arm) => {
    if (arm.n === 0) return Infinity
    const mean = arm.sum / arm.n
    const variance = Math.max(0, arm.sumSq / arm.n - mean * mean)
    const exploration = logTotal / (arm.n + arm.pending)
    return mean + Math.sqrt(exploration * Math.min(0.25, variance + Math.sqrt(2 * exploration)))
  })
}

/**
 * UCB1-tuned: everything to the largest upper bound, which knows the variance of the rewards. Rewards in [0, 1].
 *
 * Counting open decisions keeps it from sending a whole delay's traffic to one arm (Joulani, György and Szepesvári 2013, ICML).
 * Source: Auer, Cesa-Bianchi and Fischer (2002), Machine Learning 47:235, section 4.
 */
export const ucb1Tuned = {
  kind: "ucb1-tuned",
  params,
  countsPending: () => true,
  rewardRange: [0, 1],
  allocate(arms) {
    checkArms(arms)
    return onLargest(ucb1TunedIndices(arms))
  },
} satisfies Policy<z.output<typeof params>>
