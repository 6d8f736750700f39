import * as z from "zod"
import type { BetaPosterior } from "./beta-densities.ts"
import type { Arm } from "./policy.ts"

/** Below 1e-6 a prior is no belief any more, and its log odds leave the numbers. */
const pseudoCount = z.number().min(1e-6).max(1e9)

/** Prior of a rate: `alpha` successes and `beta` failures seen beforehand. (1, 1) is uniform. */
export const betaPrior = z
  .strictObject({
    alpha: pseudoCount.default(1).describe("Successes seen beforehand"),
    beta: pseudoCount.default(1).describe("Failures seen beforehand"),
  })
  .prefault({})
  .describe("Beta prior of a rate: successes and failures seen beforehand")

/**
 * Beta posterior of an arm's rate.
 *
 * A decision may be credited with more than one success (aggregation `sum`), and discounting rounds: failures below 0 count as 0.
 */
export function betaPosterior(arm: Arm, prior: BetaPosterior): BetaPosterior {
  return { alpha: prior.alpha + Math.max(0, arm.sum), beta: prior.beta + Math.max(0, arm.n - arm.sum) }
}
