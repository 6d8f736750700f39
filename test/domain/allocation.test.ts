import * as fc from "fast-check"
import { expect, it } from "vitest"
import { exactAllocation, NANOS } from "#src/domain/allocation.ts"

const shares = fc
  .array(
    fc.oneof(
      fc.constant(0),
      fc.double({ min: 1e-300, max: 1, noNaN: true }),
      fc.double({ min: 1e-12, max: 1e-8, noNaN: true }),
    ),
    {
      minLength: 1,
      maxLength: 64,
    },
  )
  .filter((weights) => weights.some((weight) => weight > 0))

it("is whole billionths that sum to exactly one, each within one of what was asked", () => {
  fc.assert(
    fc.property(shares, (weights) => {
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      const exact = exactAllocation(weights)
      const nanos = exact.map((share) => Math.round(share * NANOS))
      expect(nanos.map((whole) => whole / NANOS)).toEqual(exact)
      expect(nanos.reduce((sum, whole) => sum + whole, 0)).toBe(NANOS)
      const raised = weights.filter((weight) => weight > 0 && (weight / total) * NANOS < 1).length
      for (const [i, weight] of weights.entries()) {
        const off = (nanos[i] ?? 0) - (weight / total) * NANOS
        expect(off).toBeLessThan(1.001)
        expect(off).toBeGreaterThan(-1.001 - raised)
      }
    }),
  )
})

it("keeps a positive probability positive and a zero zero, whatever is lost to rounding", () => {
  fc.assert(
    fc.property(shares, (weights) => {
      for (const [i, share] of exactAllocation(weights).entries()) expect(share > 0).toBe((weights[i] ?? 0) > 0)
    }),
  )
  expect(exactAllocation([1, 1e-15, 0])).toEqual([0.999999999, 1e-9, 0])
})

it("keeps a floor to 1e-9", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.double({ min: 0, max: 1, noNaN: true }), (count, share) => {
      const floor = share / count
      const shares = Array.from({ length: count }, (_, i) => floor + (i === 0 ? 1 - count * floor : 0))
      for (const kept of exactAllocation(shares)) expect(kept).toBeGreaterThan(floor - 1e-9 - 1e-15)
    }),
  )
})

it.each([
  [
    [0.98, 0.02],
    [0.98, 0.02],
  ],
  [
    [1, 1, 1],
    [0.333333334, 0.333333333, 0.333333333],
  ],
  [[3], [1]],
  [
    [0.1, 0.2, 0.7],
    [0.1, 0.2, 0.7],
  ],
])("makes %j into %j", (given, exact) => {
  expect(exactAllocation(given)).toEqual(exact)
})

it("has at most nine decimals to write", () => {
  fc.assert(
    fc.property(shares, (weights) => {
      for (const share of exactAllocation(weights)) expect(String(share).length).toBeLessThanOrEqual(11)
    }),
  )
})
