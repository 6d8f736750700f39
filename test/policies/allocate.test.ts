import { describe, expect, it } from "vitest"
import { allocate } from "#policies/allocate.ts"
import { type PolicyChoice, parsePolicy } from "#policies/policy-document.ts"
import { arm, arms } from "./arms.ts"
import { knownAnswers } from "./known-answers.ts"

function choice(document: object): PolicyChoice {
  const parsed = parsePolicy(document)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  return parsed.policy
}

it("gives disabled arms 0 and never looks at their statistics", () => {
  const list = [arm({ n: Number.NaN }), ...arms([1, 10], [9, 10])]
  expect(allocate(choice({ kind: "ucb1" }), list, [false, true, true])).toEqual({
    allocation: [0, 0, 1],
    reason: "policy",
  })
})

it("refuses to choose when every arm is disabled", () => {
  expect(() => allocate(choice({ kind: "static" }), arms([1, 2]), [false])).toThrow(
    expect.objectContaining({ code: "no_arms" }),
  )
})

it.each(knownAnswers.thompson_action_probabilities.cases)(
  "mixes a floor of 0.02 as the known answer does on $name",
  ({ posteriors, mix_floor_002 }) => {
    const list = arms(...posteriors.map(([alpha, beta]) => [alpha - 1, alpha + beta - 2] as const))
    const { allocation } = allocate(choice({ kind: "thompson", minPropensity: 0.02 }), list)
    allocation.forEach((probability, i) => expect(Math.abs(probability - (mix_floor_002[i] ?? 0))).toBeLessThan(1e-9))
  },
)

it("counts only enabled arms in the floor", () => {
  const { allocation } = allocate(choice({ kind: "ucb1", minPropensity: 0.1 }), arms([0, 9], [1, 9], [9, 9]), [
    true,
    true,
    false,
  ])
  expect(allocation).toEqual([expect.closeTo(0.1, 12), expect.closeTo(0.9, 12), 0])
})

it("takes a floor of exactly 1 / K and refuses one above", () => {
  const list = arms([0, 0], [0, 0], [5, 5])
  const { allocation } = allocate(choice({ kind: "ucb1", minPropensity: 1 / 3 }), list)
  allocation.forEach((probability) => expect(probability).toBeCloseTo(1 / 3, 12))
  expect(() => allocate(choice({ kind: "ucb1", minPropensity: 0.34 }), list)).toThrow(
    expect.objectContaining({ code: "infeasible_floor" }),
  )
})

describe("given a burn-in of 100 decisions", () => {
  const policy = choice({ kind: "ucb1", burnInDecisions: 100 })
  const weighted = (n: number, pending: number, weights: readonly number[]) =>
    weights.map((weight, i) => arm({ id: String(i), n, pending, sum: i, weight }))

  it("serves the weights until enabled arms have 100 decisions, open ones too", () => {
    expect(allocate(policy, weighted(20, 13, [3, 1, 0]))).toEqual({ allocation: [0.75, 0.25, 0], reason: "burn_in" })
    expect(allocate(policy, weighted(20, 14, [3, 1, 0])).reason).toBe("policy")
    expect(allocate(policy, weighted(20, 14, [3, 1, 0]), [true, true, false])).toEqual({
      allocation: [0.75, 0.25, 0],
      reason: "burn_in",
    })
  })

  it("serves equal shares when all weights are 0", () => {
    expect(allocate(policy, weighted(0, 0, [0, 0])).allocation).toEqual([0.5, 0.5])
  })

  it("keeps the floor meanwhile", () => {
    const floored = choice({ kind: "ucb1", burnInDecisions: 100, minPropensity: 0.1 })
    expect(allocate(floored, weighted(0, 0, [1, 0])).allocation).toEqual([
      expect.closeTo(0.9, 12),
      expect.closeTo(0.1, 12),
    ])
  })
})

it("refuses a challenger that is no arm and serves the others while it is disabled", () => {
  const policy = choice({ kind: "canary", challenger: "b", share: 0.2 })
  expect(() => allocate(policy, [arm()])).toThrow(expect.objectContaining({ code: "unknown_arm" }))
  expect(allocate(policy, arms([1, 2], [1, 2]), [true, false]).allocation).toEqual([1, 0])
})
