import * as z from "zod"
import { checkArms } from "./check-arms.ts"
import type { Arm, Policy } from "./policy.ts"
import { onLargest } from "./shares.ts"
import { upperBounds } from "./upper-bounds.ts"

const params = z.strictObject({
  c: z.number().min(0).max(100).default(0).describe("Weight of ln ln N in the bound: 3 in theory, 0 in practice"),
})

/** Kullback-Leibler divergence of Bernoulli(p) from Bernoulli(q), both in [0, 1]; Infinity where q excludes what p allows. */
export function klBernoulli(p: number, q: number): number {
  return part(p, q) + part(1 - p, 1 - q)
}

function part(p: number, q: number): number {
  return p === 0 ? 0 : p * Math.log(p / q)
}

/** The largest q in [mean, 1] with n · kl(mean, q) ≤ bound, n > 0. */
export function klUpperBound(mean: number, n: number, bound: number): number {
  const limit = bound / n
  if (limit === 0) return mean
  let low = mean
  let high = 1
  // Pinsker's bound lies above the root, and a Newton step on a convex function never passes it; the bracket guards the end at 1.
  let q = mean + Math.sqrt(limit / 2)
  for (let step = 0; step < 100 && high - low > 1e-15; step++) {
    if (!(q > low && q < high)) q = (low + high) / 2
    const excess = klBernoulli(mean, q) - limit
    if (excess > 0) high = q
    else low = q
    const change = (excess * q * (1 - q)) / (q - mean)
    q -= change
    if (Math.abs(change) < 1e-15) break
  }
  return Math.min(1, Math.max(mean, q))
}

/** Index of every arm: the upper bound of its mean at ln N + c ln ln N, open decisions counted as `upperBounds` says. */
export function klUcbIndices(arms: readonly Arm[], c: number): number[] {
  return upperBounds(arms, ({ mean, decisions, logTotal }) => {
    const bound = logTotal + c * Math.max(0, Math.log(Math.max(1, logTotal)))
    return klUpperBound(Math.min(1, Math.max(0, mean)), decisions, bound)
  })
}

/**
 * KL-UCB: everything to the largest upper bound, by Bernoulli divergence. Rewards in [0, 1]; means outside count as 0 or 1.
 *
 * Source: Garivier and Cappé (2011), COLT. Differs: open decisions count in n and N.
 */
export const klUcb = {
  kind: "kl-ucb",
  params,
  shorthand: "c",
  rewardRange: [0, 1],
  countsPending: () => true,
  allocate(arms, { c }) {
    checkArms(arms)
    return onLargest(klUcbIndices(arms, c))
  },
} satisfies Policy<z.output<typeof params>>
