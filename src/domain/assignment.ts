/**
 * Weighted rendezvous hashing: which variant a unit gets under an allocation.
 *
 * Each variant draws h in (0, 1) from the salt, the unit and its own id; the smallest -ln(h) / weight wins. Since -ln(h) / weight is an
 * exponential variable of rate `weight`, the winner has exactly the allocated probability, and a unit moves only when the minimum does:
 * between allocations p and q a share 1 - J(p, q) of the units, J = sum_i 1 / sum_j max(p_j / p_i, q_j / q_i).
 *
 * Sources: Thaler and Ravishankar (1998), rendezvous hashing; Moulton and Jiang (2018), "Maximally consistent sampling and the Jaccard index
 * of probability distributions", IEEE ICDM, for J and its optimality.
 */

import { addBlock, mix } from "./murmur-rounds.ts"

/** 64 bits of a string, as two 32-bit words. */
interface Hash64 {
  a: number
  b: number
}

/** A variant's share of the hash space: derived from the variant id alone, so adding a variant leaves the others where they are. */
export interface AssignmentKey {
  readonly a: number
  readonly b: number
}

const SEED_A = 0x9747b28c
const SEED_B = 0x3c6ef372
const TWO_POW_21 = 2_097_152
const TWO_POW_53 = 9_007_199_254_740_992

/** Version of the hash. Golden vectors carry it; changing the hash moves every unit and is a breaking change. */
export const ASSIGNMENT_VERSION = 1

/** Reused between calls: assignment is synchronous and runs on the request path. */
const scratch: Hash64 = { a: 0, b: 0 }

/** Hashes UTF-16 code units two at a time into two lanes; the length enters last, so that a prefix never equals the whole. */
function hashInto(out: Hash64, text: string, seedA: number, seedB: number): void {
  let a = seedA
  let b = seedB
  const even = text.length & ~1
  for (let i = 0; i < even; i += 2) {
    const word = text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16)
    a = addBlock(a, word)
    b = addBlock(b, word ^ 0x5bd1e995)
  }
  if (even < text.length) {
    const word = text.charCodeAt(even)
    a = addBlock(a, word)
    b = addBlock(b, word ^ 0x5bd1e995)
  }
  out.a = mix(a ^ text.length)
  out.b = mix(b ^ Math.imul(text.length, 0x27d4eb2f))
}

/** A uniform number in (0, 1) with 53 bits from a unit's hash and a key, never 0 or 1. */
function uniform(unit: Hash64, key: AssignmentKey): number {
  const a = mix(unit.a ^ key.a)
  const b = mix((unit.b ^ key.b) + Math.imul(a, 0x9e3779b1))
  const c = mix(a ^ ((b << 16) | (b >>> 16)))
  return ((c >>> 0) * TWO_POW_21 + (b >>> 11) + 0.5) / TWO_POW_53
}

/** The key of one variant (or of another purpose, such as the holdout) under a salt. */
export function assignmentKey(salt: string, name: string): AssignmentKey {
  const hash = { a: 0, b: 0 }
  hashInto(hash, `${salt}\u0000${name}`, SEED_B, SEED_A)
  return { a: hash.a, b: hash.b }
}

/**
 * A unit's uniform number for one key: the holdout's coin.
 *
 * @param unit any string, any length
 * @returns a number in (0, 1), the same for the same unit and key
 */
export function unitInterval(unit: string, key: AssignmentKey): number {
  hashInto(scratch, unit, SEED_A, SEED_B)
  return uniform(scratch, key)
}

/**
 * Chooses a variant for a unit.
 *
 * @param unit what is randomised: the unit id, or the decision id where every request is a unit
 * @param keys one per variant, from `assignmentKey`
 * @param weights one per variant, ≥ 0, in the same order; only ratios matter. A variant of weight 0 is never chosen
 * @returns the index of the chosen variant; -1 when no weight is positive
 */
export function assign(unit: string, keys: readonly AssignmentKey[], weights: readonly number[]): number {
  hashInto(scratch, unit, SEED_A, SEED_B)
  let winner = -1
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < keys.length; i++) {
    const weight = weights[i] as number
    if (weight <= 0) continue
    const score = -Math.log(uniform(scratch, keys[i] as AssignmentKey)) / weight
    if (score < best) {
      best = score
      winner = i
    }
  }
  return winner
}

/**
 * The scores that `assign` compares, to explain a choice: the smallest wins.
 *
 * @returns one per variant, undefined where the weight is 0
 */
export function assignmentScores(
  unit: string,
  keys: readonly AssignmentKey[],
  weights: readonly number[],
): (number | undefined)[] {
  return keys.map((key, i) => {
    const weight = weights[i] as number
    return weight > 0 ? -Math.log(unitInterval(unit, key)) / weight : undefined
  })
}
