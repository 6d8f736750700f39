import { type Arm, PolicyError } from "./policy.ts"

/**
 * Refuses statistics that no counter can reach, so that no policy has to.
 *
 * @throws PolicyError `no_arms` when there is none, `not_finite` on NaN, ±Infinity, and on negative numbers where only a sum may be
 */
export function checkArms(arms: readonly Arm[]): void {
  if (arms.length === 0) throw new PolicyError("no_arms", "There is no arm to choose from.")
  for (const arm of arms) {
    if (
      !(arm.n >= 0 && arm.n < Infinity) ||
      !(arm.pending >= 0 && arm.pending < Infinity) ||
      !(arm.sumSq >= 0 && arm.sumSq < Infinity) ||
      !(arm.weight >= 0 && arm.weight < Infinity) ||
      !(arm.lifetime >= 0 && arm.lifetime < Infinity) ||
      !Number.isFinite(arm.sum)
    ) {
      throw new PolicyError("not_finite", refusal(arm))
    }
  }
}

function refusal({ id, n, pending, sum, sumSq, weight, lifetime }: Arm): string {
  const given = `n ${n}, pending ${pending}, sum ${sum}, sumSq ${sumSq}, weight ${weight}, lifetime ${lifetime}`
  return `Statistics of arm "${id}" must be finite, and all but the sum at least 0; they are ${given}.`
}
