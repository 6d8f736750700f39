import { type DensityFamily, TAIL_DROP } from "./best-arm-quadrature.ts"
import { fastExp } from "./fast-exp.ts"
import { stirlingCorrection } from "./stirling-correction.ts"

/** A Beta posterior of a rate in [0, 1]: `alpha`, `beta` > 0. */
export interface BetaPosterior {
  readonly alpha: number
  readonly beta: number
}

const LOG_TWO_PI = 1.8378770664093453

/** Offsets from the origin below which a log density counts from its tangent there, without cancellation whatever α and β. */
const NEAR = 1

/**
 * Beta densities of the log odds y = ln(x / (1 - x)): e^{αy} / (1 + e^y)^{α+β} / B(α, β), log-concave with its mode at α/(α+β) and without
 * singularities at the ends, whatever α and β.
 *
 * @param depth how far the log density drops below its mode before a tail is left out
 */
export function betaDensities(posteriors: readonly BetaPosterior[], depth: number = TAIL_DROP): DensityFamily {
  const arms = posteriors.map(logOdds)
  const lower = arms.map((arm) => arm.mode - reach(arm.q, arm.p, arm, depth))
  // Every arm that may be the best has mass at the largest lower end.
  const origin = Math.max(...lower)
  const origins = oddsAt(origin)
  const logAtOrigin = new Float64Array(arms.map((arm) => arm.peak - drop(arm, origin - arm.mode)))
  const tangents = arms.map((arm) => slope(arm, origin - arm.mode))
  let at: Float64Array = new Float64Array()
  let growth: Float64Array = new Float64Array()
  let slopes: readonly number[] = tangents

  const lowerEnds = new Float64Array(lower.map((end) => end - origin))

  return {
    lower: lowerEnds,
    upper: new Float64Array(arms.map((arm) => arm.mode + reach(arm.p, arm.q, arm, depth) - origin)),
    mode: new Float64Array(arms.map((arm) => arm.mode - origin)),
    core: new Float64Array(arms.map((arm) => 1 / Math.sqrt(arm.n * arm.p * arm.q))),
    scale(offset, order, count) {
      const y = origin + offset
      const { p, q } = oddsAt(y)
      // ln(1 + e^y) is singular at ±πi: no panel may be much higher than its distance from there.
      let steepest = 8 / (4 + y * y)
      for (let rank = 0; rank < count; rank++) {
        const arm = order[rank] as number
        // Below its lower end an arm has nothing left to resolve.
        if (offset < (lowerEnds[arm] as number)) continue
        const { alpha, beta, n } = arms[arm] as LogOdds
        const steepness = y > 0 ? n * q - beta : alpha - n * p
        steepest = Math.max(steepest, n * p * q, (steepness * steepness) / 12)
      }
      return 1 / Math.sqrt(steepest)
    },
    place(bottom, rises) {
      const size = rises.length
      if (at.length !== size) {
        at = new Float64Array(size)
        growth = new Float64Array(size)
      }
      for (let q = 0; q < size; q++) at[q] = bottom + (rises[q] as number)
      const middle = ((at[0] as number) + (at[size - 1] as number)) / 2
      // Three ways to write αδ - n ln(q + p e^δ): from the tangent, as it stands, and as -βδ - n ln(p + q e^-δ). Far from the origin
      // the first cancels, and so does the second on the far right, the third on the far left.
      if (Math.abs(middle) < NEAR) {
        slopes = tangents
        for (let q = 0; q < size; q++) growth[q] = aboveTangent(origins.p, origins.q, at[q] as number)
      } else if (origin + middle > 0) {
        slopes = arms.map((arm) => -arm.beta)
        for (let q = 0; q < size; q++) growth[q] = softplusGrowth(origins.q, origins.p, -origin, -(at[q] as number))
      } else {
        slopes = arms.map((arm) => arm.alpha)
        for (let q = 0; q < size; q++) growth[q] = softplusGrowth(origins.p, origins.q, origin, at[q] as number)
      }
    },
    density(arm, out, first) {
      const { n } = arms[arm] as LogOdds
      const steepness = slopes[arm] as number
      const start = logAtOrigin[arm] as number
      for (let q = 0; q < at.length; q++) {
        out[first + q] = fastExp(start + steepness * (at[q] as number) - n * (growth[q] as number))
      }
    },
  }
}

/**
 * How unlikely it is that `challenger` beats `leader`: about -ln of the probability, 0 where its mode is no lower.
 *
 * The two densities multiplied peak at the pooled rate; this is how far each has dropped there. In proportion to the counts of both.
 */
export function separation(leader: BetaPosterior, challenger: BetaPosterior): number {
  const first = logOdds(leader)
  const second = logOdds(challenger)
  if (second.mode >= first.mode) return 0
  const meeting = Math.log((leader.alpha + challenger.alpha) / (leader.beta + challenger.beta))
  return drop(first, meeting - first.mode) + drop(second, meeting - second.mode)
}

interface LogOdds extends BetaPosterior {
  readonly n: number
  readonly p: number
  readonly q: number
  readonly mode: number
  /** Log density at the mode. */
  readonly peak: number
}

function logOdds({ alpha, beta }: BetaPosterior): LogOdds {
  const n = alpha + beta
  const stirling = stirlingCorrection(n) - stirlingCorrection(alpha) - stirlingCorrection(beta)
  const peak = (Math.log(alpha) + Math.log(beta / n) - LOG_TWO_PI) / 2 + stirling
  return { alpha, beta, n, p: alpha / n, q: beta / n, mode: Math.log(alpha / beta), peak }
}

function oddsAt(y: number): { readonly p: number; readonly q: number } {
  return y > 0
    ? { p: 1 / (1 + Math.exp(-y)), q: 1 / (1 + Math.exp(y)) }
    : { p: Math.exp(y) / (1 + Math.exp(y)), q: 1 / (1 + Math.exp(y)) }
}

/** How far the log density lies below its peak at `delta` from the mode. */
function drop({ n, p, q }: LogOdds, delta: number): number {
  return n * aboveTangent(p, q, delta)
}

/** Slope of the log density at `delta` from the mode: n times the difference of the two rates. */
function slope({ n, p, q }: LogOdds, delta: number): number {
  const growth = Math.expm1(-Math.abs(delta))
  return delta > 0 ? (n * p * q * growth) / (1 + q * growth) : (-n * p * q * growth) / (1 + p * growth)
}

/** ln(q + p e^δ) - pδ ≥ 0, p + q = 1: how far ln(1 + e^y) rises above its tangent at the log odds of p. Relative error below 1e-12. */
function aboveTangent(p: number, q: number, delta: number): number {
  if (p > 0.5) return aboveTangent(q, p, -delta)
  if (Math.abs(delta) > 0.01) return logMixture(p, q, delta) - p * delta
  // The cumulants of one Bernoulli trial, since logarithm and tangent agree to all digits but a few.
  const v = p * q
  const skew = q - p
  const tail = (1 / 120) * skew * (1 - 12 * v) + (delta / 720) * (1 - 30 * v * (1 - 4 * v))
  return v * delta * delta * (1 / 2 + delta * (skew / 6 + delta * ((1 - 6 * v) / 24 + delta * tail)))
}

/** ln(q + p e^δ), p + q = 1, without cancellation near 0 and without overflow. */
function logMixture(p: number, q: number, delta: number): number {
  if (p <= 0.5) return delta < 700 ? Math.log1p(p * Math.expm1(delta)) : delta + Math.log(p + q * Math.exp(-delta))
  return delta > -700 ? delta + Math.log1p(q * Math.expm1(-delta)) : Math.log(q + p * Math.exp(delta))
}

/** ln(1 + e^{y+δ}) - ln(1 + e^y) for the log odds y of p. */
function softplusGrowth(p: number, q: number, y: number, delta: number): number {
  if (p > 1e-280 && q > 1e-280) return logMixture(p, q, delta)
  const fromZero = Math.log1p(Math.exp(-Math.abs(y + delta))) - Math.log1p(Math.exp(-Math.abs(y)))
  if (y > 0) return fromZero + Math.max(delta, -y)
  return fromZero + Math.max(0, y + delta)
}

/**
 * Distance above the mode at which the log density has dropped by `depth` to `depth` + 2. With p and q exchanged, the distance below.
 *
 * Newton steps within a bracket, on the drop where it is too small (its tail may be linear) and on its logarithm where it is too large (it may
 * be exponential).
 */
function reach(p: number, q: number, { n }: LogOdds, depth: number): number {
  let low = 0
  let high = Infinity
  let delta = Math.sqrt((2 * depth) / (n * p * q))
  for (let step = 0; step < 100; step++) {
    const fallen = n * aboveTangent(p, q, delta)
    if (fallen >= depth && fallen <= depth + 2) break
    if (fallen < depth) low = delta
    else high = delta
    const slope = n * (p / (p + q * Math.exp(-delta)) - p)
    const excess = fallen < depth ? fallen - depth - 0.1 : fallen * Math.log(fallen / (depth + 1))
    const next = delta - excess / slope
    delta = next > low && next < high ? next : high < Infinity ? (low + high) / 2 : 4 * delta
  }
  return delta
}
