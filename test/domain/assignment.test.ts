import { readFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ASSIGNMENT_VERSION, assign, assignmentKey, assignmentScores, unitInterval } from "#src/domain/assignment.ts"

const keysOf = (salt: string, count: number) =>
  Array.from({ length: count }, (_, i) => assignmentKey(salt, `variant-${i}`))

/** 1 - J(p, q): the share of units that moves between two allocations. Moulton and Jiang (2018). */
function expectedMovement(p: readonly number[], q: readonly number[]): number {
  let j = 0
  for (let i = 0; i < p.length; i++) {
    if (p[i] === 0 || q[i] === 0) continue
    let sum = 0
    for (let k = 0; k < p.length; k++) {
      sum += Math.max((p[k] as number) / (p[i] as number), (q[k] as number) / (q[i] as number))
    }
    j += 1 / sum
  }
  return 1 - j
}

function movedShare(salt: string, p: readonly number[], q: readonly number[], units: number): number {
  const keys = keysOf(salt, p.length)
  let moved = 0
  for (let i = 0; i < units; i++) {
    if (assign(`unit-${i}`, keys, p) !== assign(`unit-${i}`, keys, q)) moved++
  }
  return moved / units
}

describe("given a million units", () => {
  const UNITS = 1_000_000

  it.each([
    { allocation: [0.5, 0.5] },
    { allocation: [0.9, 0.1] },
    { allocation: [0.62, 0.2, 0.1, 0.05, 0.02, 0.005, 0.003, 0.001, 0.0008, 0.0002] },
  ])("gives each variant its probability: $allocation", ({ allocation }) => {
    const keys = keysOf("frequencies", allocation.length)
    const counts = allocation.map(() => 0)
    for (let i = 0; i < UNITS; i++) {
      const winner = assign(`user-${i}`, keys, allocation)
      counts[winner] = (counts[winner] as number) + 1
    }
    const chiSquare = counts.reduce((sum, count, i) => {
      const expected = UNITS * (allocation[i] as number)
      return sum + (count - expected) ** 2 / expected
    }, 0)
    // 99.99 % points of chi-square with 1 and 9 degrees of freedom.
    expect(chiSquare).toBeLessThan(allocation.length === 2 ? 15.14 : 33.72)
  })

  it("does not correlate two experiments, nor an experiment with its holdout", () => {
    const [first, second] = [keysOf("experiment-a", 2), keysOf("experiment-b", 2)]
    const holdout = assignmentKey("experiment-a", "\u0000holdout")
    const table = [0, 0, 0, 0]
    const held = [0, 0, 0, 0]
    for (let i = 0; i < UNITS; i++) {
      const unit = `user-${i}`
      const a = assign(unit, first, [0.5, 0.5])
      const cell = 2 * a + assign(unit, second, [0.5, 0.5])
      table[cell] = (table[cell] as number) + 1
      const heldCell = 2 * a + (unitInterval(unit, holdout) < 0.5 ? 1 : 0)
      held[heldCell] = (held[heldCell] as number) + 1
    }
    const independence = (cells: readonly number[]) =>
      cells.reduce((sum, count) => sum + (count - UNITS / 4) ** 2 / (UNITS / 4), 0)
    // 99.99 % point of chi-square with 3 degrees of freedom.
    expect(independence(table)).toBeLessThan(21.11)
    expect(independence(held)).toBeLessThan(21.11)
  })
})

describe("given an allocation that changes", () => {
  const UNITS = 200_000
  const fourSigma = (share: number) => 4 * Math.sqrt((share * (1 - share)) / UNITS)

  it.each([
    { from: [0.5, 0.5], to: [0.7, 0.3] },
    { from: [0.25, 0.25, 0.25, 0.25], to: [0.1, 0.2, 0.3, 0.4] },
    { from: [0.6, 0.3, 0.1], to: [0.1, 0.3, 0.6] },
    { from: [0.5, 0.5, 0], to: [0.4, 0.4, 0.2] },
  ])("moves 1 - J of the units from $from to $to", ({ from, to }) => {
    const expected = expectedMovement(from, to)
    const moved = movedShare("movement", from, to, UNITS)
    expect(Math.abs(moved - expected)).toBeLessThan(fourSigma(expected))
    const distance = from.reduce((sum, p, i) => sum + Math.abs(p - (to[i] as number)) / 2, 0)
    expect(expected).toBeLessThanOrEqual((2 * distance) / (1 + distance) + 1e-12)
  })

  it("moves the total variation distance when one gains from all others in proportion", () => {
    const from = [0.2, 0.4, 0.4]
    const to = [0.6, 0.2, 0.2]
    expect(expectedMovement(from, to)).toBeCloseTo(0.4, 12)
    expect(Math.abs(movedShare("one-gains", from, to, UNITS) - 0.4)).toBeLessThan(fourSigma(0.4))
  })

  it("moves no unit between variants that both kept their weight when a third is added", () => {
    const keys = keysOf("added", 3)
    for (let i = 0; i < 20_000; i++) {
      const before = assign(`unit-${i}`, keys.slice(0, 2), [1, 1])
      const after = assign(`unit-${i}`, keys, [1, 1, 1])
      expect(after === before || after === 2).toBe(true)
    }
  })
})

it("depends only on the ratios of weights, and on the order of variants not at all", () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.array(fc.double({ min: 0.001, max: 1, noNaN: true }), { minLength: 2, maxLength: 8 }),
      (unit, weights) => {
        const keys = keysOf("ratios", weights.length)
        const winner = assign(unit, keys, weights)
        expect(
          assign(
            unit,
            keys,
            weights.map((weight) => weight * 4),
          ),
        ).toBe(winner)
        const reversed = assign(unit, keys.toReversed(), weights.toReversed())
        expect(weights.length - 1 - reversed).toBe(winner)
        const scores = assignmentScores(unit, keys, weights)
        expect(scores.indexOf(Math.min(...scores.map((score) => score ?? Number.POSITIVE_INFINITY)))).toBe(winner)
      },
    ),
  )
})

it("never chooses a variant of weight 0, and says so when there is no other", () => {
  const keys = keysOf("zero", 3)
  for (let i = 0; i < 1000; i++) expect(assign(`u${i}`, keys, [0, 1, 0])).toBe(1)
  expect(assign("u", keys, [0, 0, 0])).toBe(-1)
})

it("gives the golden assignments of its version", () => {
  const golden = JSON.parse(readFileSync(new URL("../golden/assignment.json", import.meta.url), "utf8")) as {
    specVersion: number
    cases: { salt: string; variants: string[]; weights: number[]; unit: string; variant: string; draw: number }[]
  }
  expect(golden.specVersion).toBe(ASSIGNMENT_VERSION)
  expect(golden.cases.length).toBeGreaterThan(100)
  for (const { salt, variants, weights, unit, variant, draw } of golden.cases) {
    const keys = variants.map((id) => assignmentKey(salt, id))
    expect(variants[assign(unit, keys, weights)]).toBe(variant)
    expect(unitInterval(unit, keys[0] as (typeof keys)[number])).toBe(draw)
  }
})
