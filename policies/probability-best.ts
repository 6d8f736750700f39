import { integrateBest, integrateChallengers, TAIL_DROP } from "./best-arm-quadrature.ts"
import { type BetaPosterior, betaDensities, separation } from "./beta-densities.ts"
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

/** Greatest separation that is computed as it is: e^-300 = 1e-130, densities and their products far from underflow. */
const FARTHEST = 300

/**
 * Probability that each arm has the largest rate, given that `leader` has not: to 1e-9 of the whole, however certain the leader is.
 *
 * A leader may be ahead by 1e-130. One further ahead counts as so much less certain of its rate that it is ahead by 1e-130: the answer stays
 * continuous, and its limit is the probability of being best among the others.
 *
 * @param posteriors as `probabilityBestBeta` takes them, K ≥ 2
 * @param leader index of the arm that is likeliest to be the best
 * @returns K probabilities in arm order, 0 for the leader, summing to 1
 */
export function challengersBeta(posteriors: readonly BetaPosterior[], leader: number): number[] {
  const others = posteriors.filter((_, i) => i !== leader)
  const first = weakened(posteriors[leader] as BetaPosterior, others)
  const depth = TAIL_DROP + closest(first, others)
  return integrateChallengers(betaDensities(posteriors.with(leader, first), depth), leader)
}

function closest(leader: BetaPosterior, others: readonly BetaPosterior[]): number {
  return Math.min(...others.map((other) => separation(leader, other)))
}

/** The leader, its counts scaled down as far as it takes to be no further ahead than `FARTHEST`. */
function weakened(leader: BetaPosterior, others: readonly BetaPosterior[]): BetaPosterior {
  const scaled = (logScale: number): BetaPosterior => ({
    alpha: leader.alpha * Math.exp(logScale),
    beta: leader.beta * Math.exp(logScale),
  })
  const separated = closest(leader, others)
  if (separated <= FARTHEST) return leader
  // The separation is concave in the scale and 0 at 0: in proportion the leader is too far ahead still.
  let high = Math.log(FARTHEST / separated)
  let low = high
  for (let step = 1; closest(scaled(low), others) > FARTHEST; step *= 2) low -= step
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (closest(scaled(middle), others) > FARTHEST) high = middle
    else low = middle
  }
  return scaled(low)
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
