import type { Allocation } from "#policies/policy.ts"

/** Probabilities are whole numbers of these: 1e-9 each. */
export const NANOS = 1_000_000_000

/** How far from a whole number of nanos is taken for rounding noise: 0.02 is 2e7 nanos, whatever floating point makes of it. */
const NOISE = 1e-4

/**
 * The same allocation in whole billionths that sum to exactly one, by the method of the largest remainder: a propensity is then a decimal of at
 * most nine places, the same in the log, in tokens and on every machine.
 *
 * Each entry moves by less than 1e-9, so a floor kept before is kept to 1e-9. A positive entry never becomes 0: it gets one billionth, taken
 * from the largest, so that no variant loses its support to rounding.
 *
 * @param allocation non-negative numbers with a positive sum, 1 to 64 of them; only ratios matter
 */
export function exactAllocation(allocation: Allocation): Allocation {
  const total = allocation.reduce((sum, share) => sum + share, 0)
  const nanos: number[] = []
  const remainders: number[] = []
  let left = NANOS
  for (const share of allocation) {
    const exact = (share / total) * NANOS
    const nearest = Math.round(exact)
    const whole = Math.abs(exact - nearest) < NOISE ? nearest : Math.floor(exact)
    nanos.push(whole)
    remainders.push(exact - whole)
    left -= whole
  }
  for (; left > 0; left--) {
    const index = remainders.indexOf(Math.max(...remainders))
    nanos[index] = (nanos[index] as number) + 1
    remainders[index] = -1
  }
  for (const [index, share] of allocation.entries()) {
    if (share <= 0 || (nanos[index] as number) > 0) continue
    const largest = nanos.indexOf(Math.max(...nanos))
    nanos[index] = 1
    nanos[largest] = (nanos[largest] as number) - 1
  }
  return nanos.map((whole) => whole / NANOS)
}
