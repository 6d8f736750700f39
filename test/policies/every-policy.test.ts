import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { allocate } from "#policies/allocate.ts"
import type { Arm } from "#policies/policy.ts"
import { type PolicyChoice, parsePolicy } from "#policies/policy-document.ts"
import { findPolicy, POLICY_KINDS, type PolicyKind } from "#policies/registry.ts"
import { arm, arms } from "./arms.ts"

function choice(kind: PolicyKind, given: object = {}): PolicyChoice {
  const needed = kind === "canary" ? { challenger: "b", share: 0.1 } : {}
  const parsed = parsePolicy({ kind, ...needed, ...given })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  return parsed.policy
}

/** What counters can reach: nothing, one, ten million, fractions left by discounting, open decisions, odd sums of repeated rewards. */
const counts = fc.oneof(
  fc.constantFrom(0, 1, 2, 1e-9, 1e-300, 0.5, 1e7),
  fc.integer({ min: 0, max: 1e7 }),
  fc.double({ min: 0, max: 1e4, noNaN: true }),
)
const reachable = fc
  .array(
    fc.record({
      n: counts,
      rate: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })),
      pending: counts,
      weight: counts,
    }),
    {
      minLength: 1,
      maxLength: 20,
    },
  )
  .map((list) =>
    list.map(({ n, rate, pending, weight }, i) =>
      arm({ id: String.fromCodePoint(97 + i), n, sum: n * rate, pending, weight }),
    ),
  )

function total(allocation: readonly number[]): number {
  return allocation.reduce((sum, probability) => sum + probability, 0)
}

describe.each(POLICY_KINDS)("given the policy %s", (kind) => {
  const policy = choice(kind)
  const rule = findPolicy(kind)

  it("refuses no arms and numbers that no counter can hold", () => {
    expect(() => rule.allocate([], policy.params)).toThrow(expect.objectContaining({ code: "no_arms" }))
    const impossible: Partial<Arm>[] = [
      { n: Number.NaN },
      { n: -1 },
      { n: Infinity },
      { pending: -1 },
      { sum: Number.NaN },
      { sum: Infinity },
      { sumSq: -1 },
      { weight: Number.NaN },
    ]
    for (const bad of impossible) {
      expect(() => rule.allocate([arm({ ...bad }), arm({ id: "b" })], policy.params)).toThrow(
        expect.objectContaining({ code: "not_finite" }),
      )
    }
  })

  it("gives everything to an only arm", () => {
    expect(rule.allocate([arm({ id: "b", n: 10, sum: 3 })], policy.params)).toEqual([1])
  })

  it("shares equally among arms without data", () => {
    const allocation = rule.allocate([arm(), arm({ id: "c" }), arm({ id: "d" }), arm({ id: "e" })], policy.params)
    allocation.forEach((probability) => expect(probability).toBeCloseTo(0.25, 12))
  })

  it("shares equally among arms with the same data", () => {
    const allocation = rule.allocate(
      [1, 2, 3].map((id) => arm({ id: String(id), n: 300, sum: 17, pending: 4 })),
      policy.params,
    )
    allocation.forEach((probability) => expect(probability).toBeCloseTo(1 / 3, 12))
  })

  it("sums to 1 without NaN or negative numbers on anything that counters can reach", () => {
    fc.assert(
      fc.property(reachable, (list) => {
        const allocation = rule.allocate(list, policy.params)
        expect(allocation).toHaveLength(list.length)
        expect(allocation.every((probability) => probability >= 0 && probability <= 1)).toBe(true)
        expect(Math.abs(total(allocation) - 1)).toBeLessThan(1e-9)
      }),
      { numRuns: 150, seed: 4 },
    )
  })

  it("permutes its allocation as its arms are permuted", () => {
    fc.assert(
      fc.property(reachable, (list) => {
        const straight = rule.allocate(list, policy.params)
        const turned = rule.allocate(list.toReversed(), policy.params).toReversed()
        straight.forEach((probability, i) => expect(probability).toBeCloseTo(turned[i] ?? Number.NaN, 9))
      }),
      { numRuns: 100, seed: 5 },
    )
  })

  it("takes a reward away from no arm that earned it", () => {
    const earning = fc.tuple(
      fc.integer({ min: 2, max: 5000 }),
      fc.integer({ min: 0, max: 5000 }),
      fc.integer({ min: 2, max: 5000 }),
      fc.integer({ min: 0, max: 5000 }),
    )
    fc.assert(
      fc.property(earning, ([n1, s1, n2, s2]) => {
        const before = rule.allocate(arms([Math.min(s1, n1 - 1), n1], [Math.min(s2, n2), n2]), policy.params)
        const after = rule.allocate(arms([Math.min(s1, n1 - 1) + 1, n1], [Math.min(s2, n2), n2]), policy.params)
        expect(after[0] ?? 0).toBeGreaterThanOrEqual((before[0] ?? 1) - 1e-9)
      }),
      { numRuns: 100, seed: 6 },
    )
  })

  it("keeps the floor, the zeros of disabled arms and a sum of 1 through allocate", () => {
    const enabledFlags = fc.array(fc.boolean(), { minLength: 20, maxLength: 20 })
    fc.assert(
      fc.property(reachable, enabledFlags, fc.double({ min: 0, max: 1, noNaN: true }), (list, flags, share) => {
        const all = list.some((one) => one.id === "b") ? list : [...list, arm({ id: "b" })]
        const enabled = all.map((_, i) => i === 0 || flags[i] === true)
        const count = enabled.filter(Boolean).length
        const minPropensity = share / count
        const { allocation } = allocate(choice(kind, { minPropensity }), all, enabled)
        const kept = allocation.every((probability, i) =>
          enabled[i] === true ? probability >= minPropensity - 1e-12 : probability === 0,
        )
        expect(kept).toBe(true)
        expect(Math.abs(total(allocation) - 1)).toBeLessThan(1e-12)
      }),
      { numRuns: 100, seed: 7 },
    )
  })
})
