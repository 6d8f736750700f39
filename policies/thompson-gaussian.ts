import * as z from "zod"
import { checkArms } from "./check-arms.ts"
import type { Arm, Policy } from "./policy.ts"
import { probabilityBestStudentT } from "./probability-best.ts"
import type { StudentTPosterior } from "./student-t-densities.ts"

/** Normal-inverse-gamma distribution of a mean and a variance: μ | σ² ~ N(mean, σ²/kappa), σ² ~ InverseGamma(alpha, beta). */
export interface NormalInverseGamma {
  readonly mean: number
  readonly kappa: number
  readonly alpha: number
  readonly beta: number
}

const params = z.strictObject({
  prior: z
    .strictObject({
      mean: z
        .number()
        .min(-1e9)
        .max(1e9)
        .optional()
        .describe("Mean reward expected beforehand; that of all arms unless given"),
      kappa: z.number().min(1e-6).max(1e9).default(1).describe("How many decisions that mean is worth"),
      // From 1/2 on the mean has at least the tails of a Cauchy distribution; with heavier ones no finite range holds it.
      alpha: z
        .number()
        .min(0.5)
        .max(1e9)
        .optional()
        .describe(
          "Shape of the variance beforehand; unless given half the decisions of an average arm, 1 to 500, and 1 beside a given `beta`",
        ),
      beta: z
        .number()
        .min(1e-12)
        .max(1e18)
        .optional()
        .describe("Scale of the variance beforehand; `alpha` times the variance of all rewards unless given"),
    })
    .prefault({})
    .describe("Normal-inverse-gamma prior: mean, weight of the mean in decisions, shape and scale of the variance"),
})

/** A prior with gaps, to be filled from the data. */
type PartialPrior = z.output<typeof params>["prior"]

/** Greatest weight of the pooled variance: that of 1,000 decisions. */
const MOST_ALPHA = 500

/** A variance below this part of the mean square is what rounding leaves of none. */
const ROUNDING = 1e-14

/** Below this the parts of a variance underflow. */
const LEAST_VARIANCE = 1e-200

/**
 * The prior, what is not given taken from all arms together: their mean, and their variance with the weight of an average arm's own data,
 * of 1,000 decisions at most.
 *
 * So the allocation depends on neither the unit of the rewards nor their zero. The weight matters where most rewards are 0: an arm without a
 * conversion yet would look sure of its 0, its own variance being 0.
 *
 * @returns undefined where a variance is missing and the rewards have none
 */
export function priorFrom(arms: readonly Arm[], given: PartialPrior): NormalInverseGamma | undefined {
  const n = arms.reduce((sum, arm) => sum + arm.n, 0)
  const average = n > 0 ? arms.reduce((sum, arm) => sum + arm.sum, 0) / n : 0
  const { mean = average, kappa } = given
  if (given.beta !== undefined) return { mean, kappa, alpha: given.alpha ?? 1, beta: given.beta }
  const meanSquare = n > 0 ? arms.reduce((sum, arm) => sum + arm.sumSq, 0) / n : 0
  const variance = meanSquare - average * average
  const alpha = given.alpha ?? Math.min(MOST_ALPHA, Math.max(1, n / (2 * arms.length)))
  const beta = alpha * variance
  const spread = variance > Math.max(LEAST_VARIANCE, ROUNDING * meanSquare) && beta < Infinity
  return spread ? { mean, kappa, alpha, beta } : undefined
}

/**
 * Posterior after an arm's rewards. Rounding may leave a sum of squares below the square of the sum: spread below 0 counts as 0.
 *
 * Source: Murphy (2007), Conjugate Bayesian analysis of the Gaussian distribution.
 */
export function normalInverseGammaPosterior(arm: Arm, prior: NormalInverseGamma): NormalInverseGamma {
  if (arm.n === 0) return prior
  const average = arm.sum / arm.n
  const spread = Math.max(0, arm.sumSq - arm.sum * average)
  const kappa = prior.kappa + arm.n
  const shift = average - prior.mean
  return {
    mean: (prior.kappa * prior.mean + arm.sum) / kappa,
    kappa,
    alpha: prior.alpha + arm.n / 2,
    beta: prior.beta + spread / 2 + (prior.kappa * arm.n * shift * shift) / (2 * kappa),
  }
}

/** The mean alone, its variance integrated out: Student t with 2 alpha degrees of freedom. */
export function meanMarginal({ mean, kappa, alpha, beta }: NormalInverseGamma): StudentTPosterior {
  return { location: mean, scale: Math.sqrt(beta / (alpha * kappa)), degrees: 2 * alpha }
}

/**
 * Thompson sampling for value rewards (revenue, dwell time): the probability that an arm's mean is the largest.
 *
 * Equal shares as long as all rewards are the same, unless the prior gives a variance.
 * Where few decisions earn anything, a run may still stick to the worse arm, rarely: docs/policies/thompson-gaussian.md has the figures.
 */
export const thompsonGaussian = {
  kind: "thompson-gaussian",
  params,
  allocate(arms, { prior: given }) {
    checkArms(arms)
    const prior = priorFrom(arms, given)
    if (prior === undefined) return arms.map(() => 1 / arms.length)
    return probabilityBestStudentT(arms.map((arm) => meanMarginal(normalInverseGammaPosterior(arm, prior))))
  },
} satisfies Policy<z.output<typeof params>>
