import { type DensityFamily, TAIL_DROP } from "./best-arm-quadrature.ts"
import { fastExp } from "./fast-exp.ts"
import { stirlingCorrection } from "./stirling-correction.ts"

/** A Student-t posterior of a mean; `scale` > 0, `degrees` ≥ 1 of freedom, Infinity for the normal distribution. */
export interface StudentTPosterior {
  readonly location: number
  readonly scale: number
  readonly degrees: number
}

const LOG_TWO_PI = 1.8378770664093453

/** Least scale, relative to the distance from the origin. Below it a panel would be lower than one step of the numbers. */
const LEAST_SCALE = 1e-15

/** Least scale in units of the widest: a narrower arm is a point to all others, and squares of scales must not underflow. */
const POINT = 1e-40

/**
 * Student-t densities in units of about the widest scale. Panels grow with the distance from the location, as the algebraic tails allow.
 */
export function studentTDensities(given: readonly StudentTPosterior[]): DensityFamily {
  const posteriors = inUnitOfWidest(given)
  const origin = narrowestAbove(posteriors)
  const arms = posteriors.map((posterior) => centred(posterior, origin))
  const centre = new Float64Array(arms.map((arm) => arm.centre))
  let from = 0
  let at: Float64Array = new Float64Array()

  return {
    lower: new Float64Array(arms.map((arm) => arm.centre - arm.reach)),
    upper: new Float64Array(arms.map((arm) => arm.centre + arm.reach)),
    mode: centre,
    core: new Float64Array(arms.map(({ scale, degrees }) => scale / Math.sqrt(steepness(0, degrees)))),
    scale(offset, order, count) {
      let steepest = 0
      for (let rank = 0; rank < count; rank++) {
        const arm = order[rank] as number
        const { scale, degrees } = arms[arm] as Arm
        const t = (offset - (centre[arm] as number)) / scale
        steepest = Math.max(steepest, steepness(t, degrees) / (scale * scale))
      }
      return 1 / Math.sqrt(steepest)
    },
    place(bottom, rises) {
      from = bottom
      at = rises
    },
    density(arm, out, first) {
      const { scale, degrees, peak } = arms[arm] as Arm
      // Exact where the panel is near the arm, so that panels no higher than the rounding of their offset still have distinct nodes.
      const start = from - (centre[arm] as number)
      for (let q = 0; q < at.length; q++) {
        const t = (start + (at[q] as number)) / scale
        out[first + q] = fastExp(peak - drop(t, degrees))
      }
    },
  }
}

interface Arm extends StudentTPosterior {
  readonly centre: number
  readonly reach: number
  readonly peak: number
}

/** Divided by a power of two: exact, so that rewards in any unit have the same allocation. */
function inUnitOfWidest(posteriors: readonly StudentTPosterior[]): StudentTPosterior[] {
  const exponent = Math.round(Math.log2(Math.max(...posteriors.map((posterior) => posterior.scale))))
  const unit = 2 ** Math.min(1000, Math.max(-1000, exponent))
  return posteriors.map(({ location, scale, degrees }) => ({
    location: location / unit,
    scale: Math.max(POINT, scale / unit),
    degrees,
  }))
}

/**
 * The location of the narrowest arm that may be the best: there offsets have to be exact, as heavy tails reach 10^13 scales.
 *
 * An arm that ends where another begins is left out, however narrow it is.
 */
function narrowestAbove(posteriors: readonly StudentTPosterior[]): number {
  const lower = Math.max(...posteriors.map((posterior) => posterior.location - reach(posterior)))
  return posteriors
    .filter((posterior) => posterior.location + reach(posterior) >= lower)
    .reduce((narrowest, posterior) => (posterior.scale < narrowest.scale ? posterior : narrowest)).location
}

/** An arm far narrower than the rounding of its distance from the origin is widened to a few roundings. */
function centred({ location, scale, degrees }: StudentTPosterior, origin: number): Arm {
  const centre = location - origin
  const resolved = { location, scale: Math.max(scale, LEAST_SCALE * Math.abs(centre)), degrees }
  return { ...resolved, centre, reach: reach(resolved), peak: peak(resolved) }
}

/** Inverse square of the distance, in scales, over which the log density at `t` changes by about one. */
function steepness(t: number, degrees: number): number {
  if (degrees === Infinity) return Math.max(1, (t * t) / 12)
  const spread = degrees + t * t
  const slope = ((degrees + 1) * t) / spread
  const curvature = ((degrees + 1) * Math.abs(degrees - t * t)) / (spread * spread)
  // The density is singular at ±i√ν: no panel may be much higher than its distance from there.
  return Math.max(curvature, (slope * slope) / 12, 8 / spread)
}

function drop(t: number, degrees: number): number {
  return degrees === Infinity ? (t * t) / 2 : ((degrees + 1) / 2) * Math.log1p((t * t) / degrees)
}

/** Log density at the location. */
function peak({ scale, degrees }: StudentTPosterior): number {
  const normal = -LOG_TWO_PI / 2 - Math.log(scale)
  if (degrees === Infinity) return normal
  const half = degrees / 2
  const gammaRatio = half * Math.log1p(0.5 / half) - 0.5 + stirlingCorrection(half + 0.5) - stirlingCorrection(half)
  return normal + gammaRatio
}

/** Distance from the location beyond which less than about e^-`TAIL_DROP` of the mass lies. */
function reach({ scale, degrees }: StudentTPosterior): number {
  if (degrees === Infinity) return scale * Math.sqrt(2 * TAIL_DROP)
  // The density falls as t^-(ν+1), the mass beyond t only as t^-ν: solve for the mass.
  return scale * Math.sqrt(degrees * Math.expm1((2 * TAIL_DROP) / degrees))
}
