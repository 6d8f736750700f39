import * as z from "zod"
import { checkArms } from "./check-arms.ts"
import type { Arm, Policy } from "./policy.ts"
import { onLargest } from "./shares.ts"
import { upperBounds } from "./upper-bounds.ts"

const params = z.strictObject({})

/**
 * Index of every arm: m + √(ln N / n · min(1/4, v + √(2 ln N / n))), mean m and variance v from matured decisions, open decisions counted
 * as `upperBounds` says.
 */
export function ucb1TunedIndices(arms: readonly Arm[]): number[] {
  return upperBounds(arms, ({ mean, decisions, logTotal }, arm) => {
    const variance = Math.max(0, arm.sumSq / arm.n - mean * mean)
    const exploration = logTotal / decisions
    return mean + Math.sqrt(exploration * Math.min(0.25, variance + Math.sqrt(2 * exploration)))
  })
}

/**
 * UCB1-tuned: everything to the largest upper bound, which knows the variance of the rewards. Rewards in [0, 1].
 *
 * Source: Auer, Cesa-Bianchi and Fischer (2002), Machine Learning 47:235, section 4. Differs: open decisions count in n and N.
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
