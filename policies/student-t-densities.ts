import { type DensityFamily, TAIL_DROP } from "./best-arm-quadrature.ts"
import { stirlingCorrection } from "./log-gamma.ts"

/** A Student-t posterior of a mean; `scale` > 0, `degrees` ≥ 1 of freedom, Infinity for the normal distribution. */
export interface StudentTPosterior {
  readonly location: number
  readonly scale: number
  readonly degrees: number
}

const LOG_TWO_PI = 1.8378770664093453

/** Student-t densities in the reward's own units. Panels grow with the distance from the location, as the algebraic tails allow. */
export function studentTDensities(posteriors: readonly StudentTPosterior[]): DensityFamily {
  const arms = posteriors.map((posterior) => ({ ...posterior, reach: reach(posterior), peak: peak(posterior) }))
  const origin = Math.max(...arms.map((arm) => arm.location - arm.reach))
  const centre = new Float64Array(arms.map((arm) => arm.location - origin))
  const upper = new Float64Array(arms.map((arm) => arm.location - origin + arm.reach))
  let at: Float64Array = new Float64Array()

  return {
    upper,
    scale(arm, offset) {
      const { scale, degrees } = arms[arm] ?? UNIT
      const t = (offset - (centre[arm] ?? 0)) / scale
      if (degrees === Infinity) return scale / Math.max(1, Math.abs(t) / 3.5)
      const spread = degrees + t * t
      const slope = ((degrees + 1) * t) / spread
      const curvature = ((degrees + 1) * Math.abs(degrees - t * t)) / (spread * spread)
      // The density is singular at ±i√ν scales from the location: no panel may be much wider than its distance from there.
      return scale * Math.min(1 / Math.sqrt(Math.max(curvature, (slope * slope) / 12)), 0.6 * Math.sqrt(spread))
    },
    place(offsets) {
      at = offsets
    },
    density(arm, out, from) {
      const { scale, degrees, peak } = arms[arm] ?? UNIT
      const middle = centre[arm] ?? 0
      for (let q = 0; q < at.length; q++) {
        const t = ((at[q] ?? 0) - middle) / scale
        out[from + q] = Math.exp(peak - drop(t, degrees))
      }
    },
  }
}

const UNIT = { location: 0, scale: 1, degrees: Infinity, reach: 0, peak: 0 }

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
