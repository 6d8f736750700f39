import { describe, expect, it } from "vitest"
import {
  cohortOf,
  rewardCohort,
  SQUARE_UNITS,
  SUM_UNITS,
  secondOf,
  squareUnits,
  toUnits,
} from "#src/domain/counters.ts"
import { decisionEvent, rewardEvent } from "#test/outcomes.ts"

describe("given rewards in millionths of their bound", () => {
  it("rounds half away from zero, alike on both sides", () => {
    expect([0.000_000_5, -0.000_000_5, 0.25, -0, 0.1 + 0.2].map((value) => toUnits(value, 1))).toEqual([
      1, -1, 250_000, 0, 300_000,
    ])
  })

  it("counts the largest reward of every bound as a million, so that a small bound is as fine as a large one", () => {
    for (const bound of [0.001, 1, 500, 10_000]) {
      expect([toUnits(bound, bound), toUnits(-bound, bound), toUnits(bound / 3, bound)]).toEqual([
        SUM_UNITS,
        -SUM_UNITS,
        333_333,
      ])
    }
  })

  it("squares the value that was counted, not the value that was sent", () => {
    expect(squareUnits(toUnits(0.000_001_4, 1))).toBe(squareUnits(1))
    expect(squareUnits(toUnits(-1, 1))).toBe(SQUARE_UNITS)
  })

  it("keeps the square of a small reward", () => {
    expect(squareUnits(toUnits(0.0007, 1))).toBe(490)
    expect(squareUnits(toUnits(-0.0007, 1))).toBe(490)
  })

  it("keeps 10^9 of the largest squares of a bucket within 64 bits, and every single one exact", () => {
    expect(BigInt(squareUnits(SUM_UNITS)) * 10n ** 9n).toBeLessThan(2n ** 63n)
    expect(Number.isSafeInteger(SUM_UNITS ** 2)).toBe(true)
  })
})

it("puts a decision into the second that it was made in", () => {
  expect(secondOf("2026-11-20T12:00:00.999Z")).toBe(Date.UTC(2026, 10, 20, 12) / 1000)
})

describe("given decisions of every kind", () => {
  it.each([
    ["learned", { reason: "policy", learn: true }],
    ["learned", { reason: "burn_in", learn: true }],
    ["excluded", { reason: "policy", learn: false }],
    ["holdout", { reason: "holdout", learn: false }],
    [undefined, { reason: "forced", learn: false }],
    [undefined, { reason: "paused", learn: false }],
  ] as const)("counts as %s what was decided as %o", (cohort, decision) => {
    expect(cohortOf(decisionEvent(decision))).toBe(cohort)
  })

  it.each([
    ["learned", { learn: true }],
    ["holdout", { learn: false, holdout: true }],
    [undefined, { learn: false }],
    [undefined, { learn: true, status: "late" }],
    [undefined, { learn: false, holdout: true, status: "late" }],
  ] as const)("counts as %s a reward with %o", (cohort, reward) => {
    expect(rewardCohort(rewardEvent(reward))).toBe(cohort)
  })
})
