import { panelRule } from "./gauss-legendre.ts"

/** Tail mass of a posterior that is left out at either end, as the drop of the log density below its mode: e^-30 = 1e-13. */
export const TAIL_DROP = 30

/** Panel height in local scales. With 12 nodes the error stays below 2e-10 (20 arms, the worst case); at 3 it would be 1e-8. */
const PANEL_SCALES = 2.25
const rule = panelRule(12)

/**
 * The posterior densities of K ≥ 2 arms on a common axis, in a coordinate where each is smooth.
 *
 * Positions are offsets from a place near the narrow arms, so that a posterior 10^4 times narrower than its neighbours is evaluated without
 * cancellation.
 */
export interface DensityFamily {
  /** Per arm, the offset below which it has no mass worth counting. */
  readonly lower: Float64Array
  /** Per arm, the offset above which it has no mass worth counting. */
  readonly upper: Float64Array
  /** Per arm, the offset of its mode. */
  readonly mode: Float64Array
  /** Per arm, the scale at its mode. */
  readonly core: Float64Array
  /** The distance over which the log densities of the first `count` of `arms` change by about one at `offset`, the least of them. */
  scale(offset: number, arms: Int32Array, count: number): number
  /** Takes the nodes that the next calls of `density` are about: `bottom` plus each of `rises`, ascending. */
  place(bottom: number, rises: Float64Array): void
  /** Writes the density of `arm` at the placed nodes to `out`, from `start` on. */
  density(arm: number, out: Float64Array, start: number): void
}

/**
 * P(arm i has the largest value) = ∫ f_i ∏_{j≠i} F_j for independent arms, by Gauss-Legendre panels from the top down.
 *
 * Panels are as high as the narrowest arm present allows. The distribution functions come from the same nodes, integrated from above, so
 * that no special function is needed and the integrands of all arms add up to the derivative of ∏ F_j.
 *
 * @returns one probability per arm, summing to 1
 */
export function integrateBest(family: DensityFamily): number[] {
  // Below the lower end of any arm the product of the distribution functions vanishes.
  const lower = family.lower.reduce((highest, end) => Math.max(highest, end))
  return sweep(family, lower, credit)
}

/**
 * P(arm i has the largest value | `leader` has not), to relative precision however certain the leader is:
 * ∫ f_leader(y) P(i beats the other challengers and y) dy, where nothing is subtracted.
 *
 * @param family with tails as deep as the leader is far ahead
 * @returns one probability per arm, 0 for the leader, summing to 1
 */
export function integrateChallengers(family: DensityFamily, leader: number): number[] {
  const count = family.upper.length
  const race: Race = { leader, win: new Float64Array(count * rule.size), ahead: new Float64Array(count) }
  return sweep(family, family.lower[leader] as number, (panels, present, height) => {
    creditChallengers(panels, race, present, height)
  })
}

/**
 * Calls `each` for every panel from the top down to `lower`, with densities and distribution functions at its nodes.
 *
 * @returns what `each` added to `best`, in arm order and summing to 1
 */
function sweep(
  family: DensityFamily,
  lower: number,
  each: (panels: Panels, present: number, height: number) => void,
): number[] {
  const { upper } = family
  const { size, nodes } = rule
  const order = byUpperEnd(upper)
  const panels = workingArrays(order)
  const rises = new Float64Array(size)
  let present = 0
  let top = upper[order[0] as number] as number
  while (top > lower) {
    while (present < order.length && (upper[order[present] as number] as number) >= top) present++
    const bottom = panelBottom({ family, order, present, top, lower })
    // Arms that begin within the panel, near enough its bottom to be resolved.
    while (present < order.length && (upper[order[present] as number] as number) > bottom) present++
    for (let q = 0; q < size; q++) rises[q] = (top - bottom) * (nodes[q] as number)
    family.place(bottom, rises)
    for (let rank = 0; rank < present; rank++) {
      family.density(order[rank] as number, panels.density, rank * size)
      integrateDown(panels.density, panels.survival, panels.above, rank, top - bottom)
    }
    each(panels, present, top - bottom)
    top = bottom
  }
  return inArmOrder(panels.best, order)
}

/** Working arrays; an arm is known by its rank in descending order of its upper end. Row by row: one number per node. */
interface Panels {
  readonly order: Int32Array
  readonly density: Float64Array
  /** 1 - F of the arm at the nodes. */
  readonly above: Float64Array
  /** 1 - F at the panel's top. */
  readonly survival: Float64Array
  readonly best: Float64Array
}

/** What the challengers' integral needs besides; `leader` is an index of the family. */
interface Race {
  readonly leader: number
  /** Density of the arm's value where it beats the other challengers, at the nodes, and its integral above the panel's top. */
  readonly win: Float64Array
  readonly ahead: Float64Array
}

/** Used again by the next integral of as many arms: zeroing new ones costs as much as a panel. */
let kept: Omit<Panels, "order"> | undefined

function workingArrays(order: Int32Array): Panels {
  const count = order.length
  const { size } = rule
  if (kept?.survival.length !== count) {
    kept = {
      density: new Float64Array(count * size),
      above: new Float64Array(count * size),
      survival: new Float64Array(count),
      best: new Float64Array(count),
    }
  }
  kept.survival.fill(0)
  kept.best.fill(0)
  return { order, ...kept }
}

/** Indices of the arms, those that reach highest first. By insertion: they are few, and a typed array's sort costs more than a panel. */
function byUpperEnd(upper: Float64Array): Int32Array {
  const order = new Int32Array(upper.length)
  for (let arm = 0; arm < upper.length; arm++) {
    let rank = arm
    for (; rank > 0; rank--) {
      const above = order[rank - 1] as number
      if ((upper[above] as number) >= (upper[arm] as number)) break
      order[rank] = above
    }
    order[rank] = arm
  }
  return order
}

/** Where a panel may end. */
interface PanelStart {
  readonly family: DensityFamily
  readonly order: Int32Array
  readonly present: number
  readonly top: number
  readonly lower: number
}

/**
 * The lower end of the panel that starts at `top`: below `top`, and `lower` at the lowest.
 *
 * Where the panel ends at an arm's upper end or mode it ends there exactly: the arm may be narrower than the rounding of `top`.
 */
function panelBottom({ family, order, present, top, lower }: PanelStart): number {
  let bottom = Math.max(lower, top - PANEL_SCALES * family.scale(top, order, present))
  let within = present
  for (; within < order.length; within++) {
    // An arm that begins further down ends the panel there, unless it begins within the reach of a panel of its own.
    const next = family.upper[order[within] as number] as number
    if (next <= bottom) break
    const reach = PANEL_SCALES * family.scale(next, order, within + 1)
    if (reach < top - next) {
      bottom = next
      break
    }
    bottom = Math.max(bottom, top - reach)
  }
  // Far from a narrow arm's mode its scale is wide: a panel that would step over the mode ends there, or is as narrow as the mode.
  for (let rank = 0; rank < within; rank++) {
    const arm = order[rank] as number
    const mode = family.mode[arm] as number
    if (mode < top && mode > bottom) {
      bottom = Math.max(bottom, Math.min(mode, top - PANEL_SCALES * (family.core[arm] as number)))
    }
  }
  // The scale may shrink on the way down: the panel has to suit its lower end too.
  while (top - bottom > 1.25 * PANEL_SCALES * family.scale(bottom, order, within)) bottom = top - 0.8 * (top - bottom)
  return Math.min(bottom, nextBelow(top))
}

/** A number less than `top` by its rounding, so that panels never stand still. */
function nextBelow(top: number): number {
  return top - Math.max(Number.MIN_VALUE, Number.EPSILON * Math.abs(top))
}

/** Integral from each node up, from the values at the nodes and from `total` above the panel: by the even and odd parts about the middle. */
function integrateDown(
  values: Float64Array,
  total: Float64Array,
  above: Float64Array,
  rank: number,
  height: number,
): void {
  const { size, weights, even, odd } = rule
  const half = size / 2
  const first = rank * size
  const last = first + size - 1
  let mass = 0
  for (let r = 0; r < half; r++) {
    const low = values[first + r] as number
    const high = values[last - r] as number
    sums[r] = low + high
    differences[r] = low - high
    mass += (weights[r] as number) * (low + high)
  }
  const atTop = total[rank] as number
  for (let q = 0; q < half; q++) {
    let evenPart = 0
    let oddPart = 0
    for (let r = 0; r < half; r++) {
      evenPart += (even[q * half + r] as number) * (sums[r] as number)
      oddPart += (odd[q * half + r] as number) * (differences[r] as number)
    }
    above[first + q] = atTop + height * (evenPart + oddPart)
    above[last - q] = atTop + height * (mass - evenPart + oddPart)
  }
  total[rank] = atTop + height * mass
}

const sums = new Float64Array(rule.size / 2)
const differences = new Float64Array(rule.size / 2)

/** Adds the panel's share of ∫ f_i ∏_{j≠i} F_j to every arm present. */
function credit({ density, above, best }: Panels, present: number, height: number): void {
  const { size, weights } = rule
  for (let q = 0; q < size; q++) {
    let product = height * (weights[q] as number)
    for (let rank = 0; rank < present; rank++) {
      before[rank] = product
      product *= 1 - (above[rank * size + q] as number)
    }
    let after = 1
    for (let rank = present - 1; rank >= 0; rank--) {
      const k = rank * size + q
      best[rank] = (best[rank] as number) + (density[k] as number) * (before[rank] as number) * after
      after *= 1 - (above[k] as number)
    }
  }
}

/** Adds the panel's share of ∫ f_leader(y) ∫_y f_i ∏_{j≠i} F_j to every challenger i present. */
function creditChallengers(panels: Panels, { leader: arm, win, ahead }: Race, present: number, height: number): void {
  const { density, above, best } = panels
  const { size, weights } = rule
  const leader = panels.order.indexOf(arm)
  winDensities(panels, win, present, leader)
  for (let rank = 0; rank < present; rank++) {
    if (rank === leader) continue
    // The distribution functions are used up; the same rows now hold how likely the challenger wins above the node.
    integrateDown(win, ahead, above, rank, height)
    if (leader >= present) continue
    let sum = 0
    for (let q = 0; q < size; q++) {
      sum += (weights[q] as number) * (density[leader * size + q] as number) * (above[rank * size + q] as number)
    }
    best[rank] = (best[rank] as number) + height * sum
  }
}

/** f_i ∏_{j≠i} F_j at the nodes, the arm at rank `without` left out. */
function winDensities({ density, above }: Panels, win: Float64Array, present: number, without: number): void {
  const { size } = rule
  for (let q = 0; q < size; q++) {
    let product = 1
    for (let rank = 0; rank < present; rank++) {
      before[rank] = product
      if (rank !== without) product *= 1 - (above[rank * size + q] as number)
    }
    let after = 1
    for (let rank = present - 1; rank >= 0; rank--) {
      if (rank === without) continue
      const k = rank * size + q
      win[k] = (density[k] as number) * (before[rank] as number) * after
      after *= 1 - (above[k] as number)
    }
  }
}

const before: number[] = []

function inArmOrder(best: Float64Array, order: Int32Array): number[] {
  let total = 0
  const result: number[] = []
  for (let rank = 0; rank < best.length; rank++) {
    total += Math.max(0, best[rank] as number)
    result.push(0)
  }
  for (let rank = 0; rank < best.length; rank++) {
    result[order[rank] as number] = Math.max(0, best[rank] as number) / total
  }
  return result
}
