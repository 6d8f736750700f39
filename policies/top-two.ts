import * as z from "zod"
import { betaPosterior, betaPrior } from "./beta-prior.ts"
import { checkArms } from "./check-arms.ts"
import type { Policy } from "./policy.ts"
import { challengersBeta, probabilityBestBeta } from "./probability-best.ts"

const params = z.strictObject({
  prior: betaPrior,
  beta: z.number().min(0).max(1).default(0.5).describe("Share of decisions that follow the first draw"),
})

/**
 * Top-two Thompson sampling, for finding the best arm and not for earning while doing so: with probability `beta` a Thompson draw,
 * otherwise a draw repeated until it differs: p_i (β + (1 - β) Σ_{j≠i} p_j / (1 - p_j)).
 *
 * What a certain leader leaves is shared by P(best | the leader is not), which is computed as such and not as a ratio of two tiny numbers:
 * a single click moves the shares by a little at any number of decisions.
 * Source: Russo (2016), COLT. Differs: the probabilities are computed, no draw is made.
 */
export const topTwo = {
  kind: "top-two",
  params,
  rewardRange: [0, 1],
  allocate(arms, { prior, beta }) {
    checkArms(arms)
    const posteriors = arms.map((arm) => betaPosterior(arm, prior))
    const best = probabilityBestBeta(posteriors)
    if (arms.length === 1) return best
    const leader = best.indexOf(Math.max(...best))
    const leads = best[leader] as number
    const given = challengersBeta(posteriors, leader)
    // p_i = (1 - p_leader) · given: then p_i p_leader / (1 - p_leader) needs no division.
    const left = best.reduce((sum, p, i) => (i === leader ? sum : sum + p), 0)
    const odds = given.map((share) => (left * share) / (1 - left * share))
    const total = odds.reduce((sum, o) => sum + o, 0)
    return given.map((share, i) =>
      i === leader
        ? leads * (beta + (1 - beta) * total)
        : left * share * (beta + (1 - beta) * (total - (odds[i] as number))) + (1 - beta) * leads * share,
    )
  },
} satisfies Policy<z.output<typeof params>>
