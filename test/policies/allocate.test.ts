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
    reasons: ["policy", "policy", "policy"],
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
  /** `ucb1-tuned` gives everything to the arm with the largest index: whatever it says is easily told. */
  const policy = choice({ kind: "ucb1-tuned", burnInDecisions: 100 })
  const aged = (...lifetimes: readonly number[]) =>
    lifetimes.map((lifetime, i) => arm({ id: String(i), n: lifetime, sum: i, lifetime, weight: [3, 1, 4][i] ?? 1 }))

  it("serves the weights while all arms are newcomers, by the decisions of each", () => {
    expect(allocate(policy, aged(99, 0))).toEqual({ allocation: [0.75, 0.25], reasons: ["burn_in", "burn_in"] })
    expect(allocate(policy, aged(99, 99, 99)).allocation).toEqual([0.375, 0.125, 0.5])
    expect(allocate(policy, aged(100, 100)).reasons).toEqual(["policy", "policy"])
  })

  it("holds a newcomer at its weight share beside others, among which the policy divides the rest", () => {
    const { allocation, reasons } = allocate(policy, aged(500, 0, 400))
    expect(allocation).toEqual([0, 0.125, 0.875])
    expect(reasons).toEqual(["policy", "burn_in", "policy"])
  })

  it("holds all newcomers together at newcomerShare, by their weights", () => {
    expect(allocate(policy, aged(0, 500, 0)).allocation).toEqual([
      expect.closeTo((0.2 * 3) / 7, 12),
      expect.closeTo(0.8, 12),
      expect.closeTo((0.2 * 4) / 7, 12),
    ])
    const generous = choice({ kind: "ucb1-tuned", burnInDecisions: 100, newcomerShare: 1 })
    expect(allocate(generous, aged(0, 500, 0)).allocation).toEqual([0.375, 0.125, 0.5])
  })

  it("looks at decisions since an arm was enabled, whatever memory has forgotten or is open still", () => {
    const veteran = arm({ id: "0", n: 0, lifetime: 100 })
    const newcomer = arm({ id: "1", n: 1e6, sum: 9e5, pending: 1e6, lifetime: 99 })
    expect(allocate(policy, [veteran, newcomer]).allocation).toEqual([0.8, 0.2])
  })

  it("looks at enabled arms only", () => {
    const { allocation, reasons } = allocate(policy, aged(0, 0, 500), [true, true, false])
    expect(allocation).toEqual([0.75, 0.25, 0])
    expect(reasons.slice(0, 2)).toEqual(["burn_in", "burn_in"])
  })

  it("serves equal shares when all weights are 0, and none to a newcomer that has none beside others", () => {
    const weightless = (...lifetimes: readonly number[]) => aged(...lifetimes).map((one) => ({ ...one, weight: 0 }))
    expect(allocate(policy, weightless(0, 0)).allocation).toEqual([0.5, 0.5])
    const [first, second] = [arm({ lifetime: 100, n: 100, sum: 1 }), arm({ id: "b", weight: 0 })]
    expect(allocate(policy, [first, second]).allocation).toEqual([1, 0])
  })

  it("mixes the floor in at last", () => {
    const floored = choice({ kind: "ucb1-tuned", burnInDecisions: 100, minPropensity: 0.1 })
    expect(allocate(floored, aged(500, 0)).allocation).toEqual([
      expect.closeTo(0.8 * 0.8 + 0.1, 12),
      expect.closeTo(0.8 * 0.2 + 0.1, 12),
    ])
  })

  it.each(["static", "canary"])("has no newcomers under %s, whose allocation nothing is learned for", (kind) => {
    const fixed = choice({ kind, burnInDecisions: 100, ...(kind === "canary" ? { challenger: "1", share: 0.5 } : {}) })
    expect(allocate(fixed, aged(500, 0)).reasons).toEqual(["policy", "policy"])
    expect(allocate(fixed, aged(500, 0)).allocation).toEqual(kind === "canary" ? [0.5, 0.5] : [0.75, 0.25])
  })
})

it("refuses a challenger that is no arm and serves the others while it is disabled", () => {
  const policy = choice({ kind: "canary", challenger: "b", share: 0.2 })
  expect(() => allocate(policy, [arm()])).toThrow(expect.objectContaining({ code: "unknown_arm" }))
  expect(allocate(policy, arms([1, 2], [1, 2]), [true, false]).allocation).toEqual([1, 0])
})
