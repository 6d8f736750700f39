import { integrateBest } from "./best-arm-quadrature.ts"
import { type BetaPosterior, betaDensities } from "./beta-densities.ts"
import { PolicyError } from "./policy.ts"
import { type StudentTPosterior, studentTDensities } from "./student-t-densities.ts"

/**
 * Probability that each arm has the largest rate, for independent Beta posteriors, by quadrature.
 *
 * @param posteriors one per arm, K ≥ 1, in arm order; `alpha`, `beta` from 1e-6 to 1e12
 * @returns K probabilities in arm order, summing to 1 within 1e-12; absolute error ≤ 1e-9. May underflow to 0
 * @throws PolicyError `no_arms` when K = 0, `not_finite` when a parameter is not positive and finite
 *
 * Source: Thompson (1933), Biometrika 25:285. Differs: the probabilities themselves are returned and not one draw, so that the
 * propensity used is the one logged.
 */
export function probabilityBestBeta(posteriors: readonly BetaPosterior[]): number[] {
  for (const { alpha, beta } of posteriors) {
    if (!isPositive(alpha) || !isPositive(beta)) {
      throw new PolicyError("not_finite", `Beta(${alpha}, ${beta}) is no posterior: both parameters must be positive.`)
    }
  }
  return only(posteriors) ?? integrateBest(betaDensities(posteriors))
}

/**
 * Probability that each arm has the largest mean, for independent Student-t posteriors of the means, by quadrature.
 *
 * @param posteriors one per arm, K ≥ 1, in arm order; `scale` > 0, `degrees` ≥ 1 (Infinity: normal)
 * @returns as `probabilityBestBeta`
 * @throws PolicyError `no_arms` when K = 0, `not_finite` when a location is not finite, a scale not positive or `degrees` < 1
 */
export function probabilityBestStudentT(posteriors: readonly StudentTPosterior[]): number[] {
  for (const { location, scale, degrees } of posteriors) {
    if (!Number.isFinite(location) || !isPositive(scale) || !(degrees >= 1)) {
      throw new PolicyError("not_finite", `Student t(${location}, ${scale}, ${degrees} degrees) is no posterior.`)
    }
  }
  return only(posteriors) ?? integrateBest(studentTDensities(posteriors))
}

function isPositive(value: number): boolean {
  return value > 0 && value < Infinity
}

/** The answer that needs no integral, undefined from two arms on. */
function only(posteriors: readonly unknown[]): number[] | undefined {
  if (posteriors.length === 0) throw new PolicyError("no_arms", "There is no arm to choose from.")
  return posteriors.length === 1 ? [1] : undefined
}
