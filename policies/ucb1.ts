import * as z from "zod"
import { checkArms } from "./check-arms.ts"
import type { Arm, Policy } from "./policy.ts"
import { onLargest } from "./shares.ts"
import { upperBounds } from "./upper-bounds.ts"

const params = z.strictObject({})

/** Index of every arm: mean + √(2 ln N / n), open decisions counted as `upperBounds` says. */
export function ucb1Indices(arms: readonly Arm[]): number[] {
  return upperBounds(arms, ({ mean, decisions, logTotal }) => mean + Math.sqrt((2 * logTotal) / decisions))
}

/**
 * UCB1: everything to the largest upper bound. Rewards in [0, 1].
 *
 * At click rates about 1 % the bonus drowns the means for millions of decisions; `ucb1-tuned` and `kl-ucb` are the ones to use.
 * Source: Auer, Cesa-Bianchi and Fischer (2002), Machine Learning 47:235. Differs: open decisions count in n and N.
 */
export const ucb1 = {
  kind: "ucb1",
  params,
  rewardRange: [0, 1],
  countsPending: () => true,
  allocate(arms) {
    checkArms(arms)
    return onLargest(ucb1Indices(arms))
  },
} satisfies Policy<z.output<typeof params>>
