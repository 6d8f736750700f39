import * as z from "zod"
import { betaPosterior, betaPrior } from "./beta-prior.ts"
import { checkArms } from "./check-arms.ts"
import type { Policy } from "./policy.ts"
import { probabilityBestBeta } from "./probability-best.ts"

const params = z.strictObject({
  prior: betaPrior,
  beta: z.number().min(0).max(1).default(0.5).describe("Share of decisions that follow the first draw"),
})

/** Below this the quadrature (1e-9 at worst, 1e-11 as a rule) can't tell the challengers' shares of what the leader leaves. */
const RESOLVABLE = 1e-8

/**
 * Top-two Thompson sampling, for finding the best arm and not for earning while doing so: with probability `beta` a Thompson draw,
 * otherwise a draw repeated until it differs: p_i (β + (1 - β) Σ_{j≠i} p_j / (1 - p_j)).
 *
 * Once the leader is certain within 1e-8 its challenger is drawn by the probability of being best among the others.
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
    const left = best.map((_, i) => best.reduce((sum, p, j) => (j === i ? sum : sum + p), 0))
    if ((left[leader] ?? 0) < RESOLVABLE) {
      const others = probabilityBestBeta(posteriors.filter((_, i) => i !== leader))
      others.splice(leader, 0, 0)
      return others.map((probability, i) => (i === leader ? beta : (1 - beta) * probability))
    }
    const odds = best.map((p, j) => p / (left[j] ?? 1))
    return best.map((p, i) => p * (beta + (1 - beta) * odds.reduce((sum, o, j) => (j === i ? sum : sum + o), 0)))
  },
} satisfies Policy<z.output<typeof params>>
