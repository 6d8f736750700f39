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
      mean: z.number().min(-1e9).max(1e9).default(0).describe("Mean reward expected beforehand"),
      kappa: z.number().min(1e-6).max(1e9).default(1).describe("How many decisions that mean is worth"),
      // From 1/2 on the mean has at least the tails of a Cauchy distribution; with heavier ones no finite range holds it.
      alpha: z.number().min(0.5).max(1e9).default(1).describe("Shape of the variance beforehand"),
      beta: z.number().min(1e-12).max(1e18).default(1).describe("Scale of the variance beforehand"),
    })
    .prefault({})
    .describe("Normal-inverse-gamma prior: mean, weight of the mean in decisions, shape and scale of the variance"),
})

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

/** Thompson sampling for value rewards (revenue, dwell time): the probability that an arm's mean is the largest. */
export const thompsonGaussian = {
  kind: "thompson-gaussian",
  params,
  allocate(arms, { prior }) {
    checkArms(arms)
    return probabilityBestStudentT(arms.map((arm) => meanMarginal(normalInverseGammaPosterior(arm, prior))))
  },
} satisfies Policy<z.output<typeof params>>
