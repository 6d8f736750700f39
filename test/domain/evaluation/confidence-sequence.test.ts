import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { ConfidenceSequence, LowerBound } from "#src/domain/evaluation/confidence-sequence.ts"
import { OBD_ITEMS, obdReference, obdRows } from "./obd-log.ts"

const { empirical_bernstein_cs: known } = JSON.parse(
  readFileSync(new URL("../../fixtures/policies/known_answers.json", import.meta.url), "utf8"),
)
const VALUES = [0.1, 0.5, 0, 1, 0.3, 0.2, 0.9, 0, 0, 1, 0.4, 0.6, 0, 0.2, 0.8]
const WEIGHTS = [0.5, 2, 1, 0.25, 3, 1, 1, 0.5, 0.5, 2, 4, 0.1, 1, 1, 0.2]
const REWARDS = [0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1]

function boundsAt(moments: readonly number[], terms: readonly number[]): number[] {
  const bound = new LowerBound(0.025)
  return terms.flatMap((term, index) => {
    bound.add(term, 0)
    return moments.includes(index + 1) ? [bound.bound] : []
  })
}

function twenty(values: readonly number[]): number[] {
  return Array.from({ length: 20 }, () => values).flat()
}

describe("given the known answers of the empirical Bernstein sequence", () => {
  it("bounds a mean from below, and from above by the mirrored values", () => {
    const { at_n, lower_unclipped, upper_unclipped } = known.plain
    const lower = boundsAt(at_n, twenty(VALUES))
    const upper = boundsAt(at_n, twenty(VALUES.map((value) => 1 - value))).map((bound) => 1 - bound)
    for (const [index, bound] of lower.entries()) expect(bound).toBeCloseTo(lower_unclipped[index], 9)
    for (const [index, bound] of upper.entries()) expect(bound).toBeCloseTo(upper_unclipped[index], 8)
  })

  it("bounds weighted rewards", () => {
    const terms = WEIGHTS.map((weight, index) => weight * (REWARDS[index] ?? 0))
    for (const [index, bound] of boundsAt(known.ipw.at_n, twenty(terms)).entries())
      expect(bound).toBeCloseTo(known.ipw.lower[index], 9)
  })

  it("is doubly robust with a baseline from earlier rows", () => {
    const { at_n, lower, upper } = known.dr
    const sequence = new ConfidenceSequence(4)
    for (const [index, weight] of twenty(WEIGHTS).entries()) {
      sequence.add(weight, REWARDS[index % REWARDS.length] ?? 0)
      const place = at_n.indexOf(index + 1)
      if (place < 0) continue
      expect(sequence.interval[0]).toBeCloseTo(lower[place], 9)
      expect(sequence.interval[1]).toBeCloseTo(upper[place], 9)
    }
  })
})

it.each([
  ["men_random" as const, obdReference().bts_from_random.exact, obdReference().bts_from_random.exact.wmax],
  ["men_bts" as const, obdReference().random_from_bts.uniform, obdReference().random_from_bts.uniform.weights.max],
])("has the intervals of the reference on %s", (name, expected, largestWeight) => {
  const rows = obdRows(name).map((row) => ({
    ...row,
    // The log tells the even split to twelve digits only.
    target: name === "men_bts" ? 1 / OBD_ITEMS : row.target,
  }))
  const sequence = new ConfidenceSequence(largestWeight)
  for (const { target, logged, click } of rows) sequence.add(target / logged, click)
  const weighted = boundsAt(
    [rows.length],
    rows.map(({ target, logged, click }) => (target / logged) * click),
  )
  const mirrored = boundsAt(
    [rows.length],
    rows.map(({ target, logged, click }) => (target / logged) * (1 - click)),
  )
  const [low, high] = expected.anytime_valid_dr_cs95_at_n
  // Figures have ten digits, and the largest weight is one of them.
  expect(sequence.interval[0]).toBeCloseTo(low, 10)
  expect(sequence.interval[1]).toBeCloseTo(high, 8)
  expect(Math.max(0, weighted[0] ?? 0)).toBeCloseTo(expected.anytime_valid_eb_cs95_at_n[0], 11)
  expect(Math.min(1, 1 - (mirrored[0] ?? 0))).toBeCloseTo(expected.anytime_valid_eb_cs95_at_n[1], 9)
})
