import type { Arm } from "#policies/policy.ts"

/** An arm with these statistics; binary rewards unless `sumSq` says otherwise. */
export function arm(given: Partial<Arm> = {}): Arm {
  const { id = "a", n = 0, pending = 0, sum = 0, weight = 1 } = given
  const lifetime = given.lifetime ?? n + pending
  return { id, n, pending, sum, sumSq: given.sumSq ?? Math.abs(sum), weight, lifetime }
}

/** Arms of binary rewards, one for each pair of successes and decisions, with ids a, b, c… */
export function arms(...counts: readonly (readonly [sum: number, n: number])[]): Arm[] {
  return counts.map(([sum, n], index) => arm({ id: String.fromCodePoint(97 + index), sum, n }))
}
