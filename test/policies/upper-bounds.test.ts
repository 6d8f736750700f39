import { describe, expect, it } from "vitest"
import { klBernoulli, klUcb, klUcbIndices, klUpperBound } from "#policies/kl-ucb.ts"
import type { Arm } from "#policies/policy.ts"
import { ucb1, ucb1Indices } from "#policies/ucb1.ts"
import { ucb1Tuned, ucb1TunedIndices } from "#policies/ucb1-tuned.ts"
import { arm, arms } from "./arms.ts"
import { knownAnswers, relativeError, TWELVE_DIGITS } from "./known-answers.ts"

const everyAllocation = [
  (list: readonly Arm[]) => ucb1.allocate(list),
  (list: readonly Arm[]) => ucb1Tuned.allocate(list),
  (list: readonly Arm[]) => klUcb.allocate(list, { c: 0 }),
]

describe.each(knownAnswers.index_policies.cases)("given $successes successes of $pulls", (known) => {
  const list = arms(...known.successes.map((sum, i) => [sum, known.pulls[i] ?? 0] as const))

  it.each([
    ["ucb1", ucb1Indices(list), known.ucb1],
    ["ucb1_tuned", ucb1TunedIndices(list), known.ucb1_tuned],
    ["kl_ucb", klUcbIndices(list, 0), known.kl_ucb],
  ])("knows every index of %s", (_, actual, expected) => {
    actual.forEach((index, i) => expect(relativeError(index, expected[i] ?? 0)).toBeLessThan(1e-10))
  })

  it("gives everything to the largest index", () => {
    const largest = (indices: readonly number[]) => indices.map((index) => (index === Math.max(...indices) ? 1 : 0))
    expect(ucb1.allocate(list)).toEqual(largest(known.ucb1))
    expect(ucb1Tuned.allocate(list)).toEqual(largest(known.ucb1_tuned))
    expect(klUcb.allocate(list, { c: 0 })).toEqual(largest(known.kl_ucb))
  })
})

describe("arms without a matured decision", () => {
  it("come first and share", () => {
    const list = [...arms([5, 10]), arm({ id: "x", pending: 7 }), arm({ id: "y" })]
    for (const allocate of everyAllocation) {
      expect(allocate(list)).toEqual([0, 0.5, 0.5])
    }
  })
})

describe("given open decisions", () => {
  const settled = arm({ n: 100, sum: 10 })
  const waiting = arm({ id: "b", n: 100, sum: 10, pending: 100 })
  const exploration = Math.log(300) / 200

  it.each([
    ["ucb1", ucb1Indices, 0.1 + Math.sqrt(2 * exploration)],
    ["ucb1-tuned", ucb1TunedIndices, 0.1 + Math.sqrt(exploration * Math.min(0.25, 0.09 + Math.sqrt(2 * exploration)))],
  ] as const)("%s counts them in n and N and not in the mean", (_, indices, expected) => {
    const [ahead = 0, behind = 0] = indices([settled, waiting])
    expect(behind).toBeCloseTo(expected, 12)
    expect(ahead).toBeGreaterThan(behind)
  })

  it("kl-ucb counts them in n and N and not in the mean", () => {
    const [ahead = 0, behind = 0] = klUcbIndices([settled, waiting], 0)
    expect(200 * klBernoulli(0.1, behind)).toBeCloseTo(Math.log(300), 9)
    expect(100 * klBernoulli(0.1, ahead)).toBeCloseTo(Math.log(300), 9)
    const [, wider = 0] = klUcbIndices([settled, waiting], 3)
    expect(200 * klBernoulli(0.1, wider)).toBeCloseTo(Math.log(300) + 3 * Math.log(Math.log(300)), 9)
  })

  it("none of them sends a whole delay's traffic to the arm that was ahead by one click", () => {
    const delayed = (pending: number) => [arm({ n: 100, sum: 11, pending }), arm({ id: "b", n: 100, sum: 10 })]
    for (const allocate of everyAllocation) {
      expect(allocate(delayed(0))).toEqual([1, 0])
      expect(allocate(delayed(100))).toEqual([0, 1])
    }
  })

  it("makes every decision count, so that an allocation is not kept until the next outcome", () => {
    expect([ucb1.countsPending(), ucb1Tuned.countsPending(), klUcb.countsPending()]).toEqual([true, true, true])
  })
})

describe("kl-ucb", () => {
  it.each(knownAnswers.kl_bernoulli.cases)("knows kl($p, $q)", ({ p, q, kl }) => {
    expect(relativeError(klBernoulli(p, q), kl, 1e-12)).toBeLessThan(1e-9)
  })

  it("has closed forms at the ends: 0 failures and 0 successes", () => {
    expect(klUpperBound(0, 50, 3)).toBeCloseTo(1 - Math.exp(-3 / 50), 14)
    expect(klUpperBound(1, 50, 3)).toBe(1)
    expect(klUpperBound(0.3, 50, 0)).toBeCloseTo(0.3, 14)
  })

  it("solves n kl(mean, q) = bound on a wide grid", () => {
    for (const mean of [0, 1e-7, 0.01, 0.5, 0.99, 1 - 1e-7]) {
      for (const n of [1e-6, 1, 30, 1e4, 1e7]) {
        for (const bound of [1e-3, 1, 16, 40]) {
          const q = klUpperBound(mean, n, bound)
          expect(q).toBeGreaterThanOrEqual(mean)
          expect(q).toBeLessThanOrEqual(1)
          // Where the root is at an end the divergence says nothing.
          const solved = q <= mean + 1e-9 || q >= 1 - 1e-9 || relativeError(n * klBernoulli(mean, q), bound) < 1e-4
          expect(solved).toBe(true)
        }
      }
    }
  })

  it("reaches further with c", () => {
    const [plain = 0] = klUcbIndices(arms([10, 100], [20, 200]), 0)
    const [wider = 0] = klUcbIndices(arms([10, 100], [20, 200]), 3)
    expect(wider).toBeGreaterThan(plain)
  })

  it.each(knownAnswers.lai_robbins.cases)(
    "has the divergences of the Lai-Robbins constant of $means",
    ({ means, constant }) => {
      const best = Math.max(...means)
      const sum = means.reduce(
        (total, mean) => (mean === best ? total : total + (best - mean) / klBernoulli(mean, best)),
        0,
      )
      expect(relativeError(sum, constant)).toBeLessThan(TWELVE_DIGITS)
    },
  )
})
