import { panelRule } from "./gauss-legendre.ts"

/** Tail mass of a posterior that is left out at either end, as the drop of the log density below its mode: e^-27 = 2e-12. */
export const TAIL_DROP = 27

/** Panel width in local scales. With 12 nodes: 3e-11 at worst over the cases of the tests. */
const PANEL_SCALES = 2
const rule = panelRule(12)

/**
 * The posterior densities of K ≥ 2 arms on a common axis, in a coordinate where each is smooth and log-concave or nearly so.
 *
 * Positions are offsets from `origin`, the largest of the lower ends: every arm that matters has mass there, so that even a posterior
 * 10^4 times narrower than its neighbours is evaluated without cancellation.
 */
export interface DensityFamily {
  /** Per arm, the offset above which it has no mass worth counting. */
  readonly upper: Float64Array
  /** The distance over which the log density of `arm` at `offset` changes by about one. */
  scale(arm: number, offset: number): number
  /** Takes the nodes that the next calls of `density` are about. */
  place(offsets: Float64Array): void
  /** Writes the density of `arm` at the placed nodes to `out`, from `at` on. */
  density(arm: number, out: Float64Array, at: number): void
}

/**
 * P(arm i has the largest value) = ∫ f_i ∏_{j≠i} F_j for independent arms, by Gauss-Legendre panels from the top down.
 *
 * Panels are as wide as the narrowest arm present allows. The distribution functions come from the same nodes, integrated from above, so
 * that no special function is needed and the integrands of all arms add up to the derivative of ∏ F_j.
 *
 * @returns one probability per arm, summing to 1
 */
export function integrateBest(family: DensityFamily): number[] {
  const { upper } = family
  const count = upper.length
  const { size, nodes, weights, toEnd } = rule
  const order = Array.from(upper.keys()).sort((i, j) => at(upper, j) - at(upper, i))
  const densities = new Float64Array(count * size)
  const below = new Float64Array(count * size)
  const before = new Float64Array(count + 1)
  const survival = new Float64Array(count)
  const best = new Float64Array(count)
  const offsets = new Float64Array(size)

  let present = 0
  let top = at(upper, order[0] ?? 0)
  while (top > 0) {
    const bottom = panelBottom(family, order, present, top)
    const height = top - bottom
    while (present < count && at(upper, order[present] ?? 0) > bottom) present++
    for (let q = 0; q < size; q++) offsets[q] = bottom + height * at(nodes, q)
    family.place(offsets)
    for (let rank = 0; rank < present; rank++) {
      const from = rank * size
      family.density(order[rank] ?? 0, densities, from)
      const above = at(survival, rank)
      let mass = 0
      for (let q = 0; q < size; q++) {
        let rest = 0
        const row = q * size
        for (let r = 0; r < size; r++) rest += at(toEnd, row + r) * at(densities, from + r)
        below[from + q] = 1 - above - height * rest
        mass += at(weights, q) * at(densities, from + q)
      }
      survival[rank] = above + height * mass
    }
    for (let q = 0; q < size; q++) {
      before[0] = height * at(weights, q)
      for (let rank = 0; rank < present; rank++) before[rank + 1] = at(before, rank) * at(below, rank * size + q)
      let after = 1
      for (let rank = present - 1; rank >= 0; rank--) {
        const k = rank * size + q
        best[rank] = at(best, rank) + at(densities, k) * at(before, rank) * after
        after *= at(below, k)
      }
    }
    top = bottom
  }
  return inArmOrder(best, order)
}

/** The lowest place down to which no arm changes by more than `PANEL_SCALES` local scales. */
function panelBottom(family: DensityFamily, order: readonly number[], present: number, top: number): number {
  const { upper } = family
  let height = top
  for (let rank = 0; rank < order.length; rank++) {
    const arm = order[rank] ?? 0
    const end = at(upper, arm)
    if (end <= 0) break
    const allowed = PANEL_SCALES * family.scale(arm, Math.min(top, end))
    // An arm that begins further down ends the panel there, unless it begins within the reach of a panel of its own.
    height = Math.min(height, rank < present ? allowed : Math.max(allowed, top - end))
  }
  // A scale may shrink on the way down (a mode is near): the panel has to suit its lower end too.
  for (let rank = 0; rank < order.length; rank++) {
    const arm = order[rank] ?? 0
    const end = at(upper, arm)
    while (end > top - height && height > PANEL_SCALES * family.scale(arm, top - height) * 1.25) height *= 0.8
  }
  return top - height < 1e-3 * height ? 0 : top - height
}

function inArmOrder(best: Float64Array, order: readonly number[]): number[] {
  const total = best.reduce((sum, probability) => sum + probability, 0)
  const result = order.map(() => 0)
  order.forEach((arm, rank) => {
    result[arm] = Math.max(0, at(best, rank)) / total
  })
  return result
}

/** `noUncheckedIndexedAccess` without a branch: indices here are always in range, and the fallback costs nothing once compiled. */
function at(values: Float64Array, index: number): number {
  return values[index] ?? 0
}
