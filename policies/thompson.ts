import * as z from "zod"
import { betaPosterior, betaPrior } from "./beta-prior.ts"
import { checkArms } from "./check-arms.ts"
import type { Policy } from "./policy.ts"
import { probabilityBestBeta } from "./probability-best.ts"

const params = z.strictObject({ prior: betaPrior })

/**
 * Thompson sampling for rewards in [0, 1]: each arm gets the probability that its rate is the largest.
 *
 * Source: Thompson (1933), Biometrika 25:285; Chapelle and Li (2011), NeurIPS 24. Differs: no draw is made, the probabilities are computed.
 */
export const thompson = {
  kind: "thompson",
  params,
  rewardRange: [0, 1],
  allocate(arms, { prior }) {
    checkArms(arms)
    return probabilityBestBeta(arms.map((arm) => betaPosterior(arm, prior)))
  },
} satisfies Policy<z.output<typeof params>>
