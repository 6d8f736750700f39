import { createHmac } from "node:crypto"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { addUnit, emptySketch, estimateUnits, mergeSketch, type UnitSketch } from "#src/domain/unit-sketch.ts"

/** A pseudonym as the gateway makes them: a keyed hash in base64url. */
function pseudonym(unit: number): string {
  return createHmac("sha256", "a key").update(String(unit)).digest("base64url").slice(0, 22)
}

function sketchOf(from: number, to: number): UnitSketch {
  const sketch = emptySketch()
  for (let unit = from; unit < to; unit++) addUnit(sketch, pseudonym(unit))
  return sketch
}

describe("given a sketch of units", () => {
  it("knows nobody at first", () => {
    expect(estimateUnits(emptySketch())).toBe(0)
  })

  it.each([1, 10, 100, 1_000, 2_560, 10_000, 100_000])("estimates %i units within four standard errors", (units) => {
    const error = estimateUnits(sketchOf(0, units)) / units - 1
    // 1.04 / sqrt(1024) = 3.25 %. Linear counting, which it is for few units, errs less.
    expect(Math.abs(error)).toBeLessThan(4 * 0.0325)
  })

  it("errs by a standard error of 3.3 percent over many sketches, and is not biased", () => {
    const units = 5_000
    const errors = Array.from({ length: 40 }, (_, round) => {
      const estimate = estimateUnits(sketchOf(round * units, (round + 1) * units))
      return estimate / units - 1
    })
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length
    const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length)
    expect(Math.abs(mean)).toBeLessThan((4 * 0.0325) / Math.sqrt(errors.length))
    // Four standard errors of a standard deviation of 40.
    expect(deviation).toBeLessThan(0.0325 * (1 + 4 / Math.sqrt(2 * errors.length)))
  })

  it("says whether a register rose, and a unit that comes again raises none", () => {
    const sketch = emptySketch()
    expect(addUnit(sketch, pseudonym(1))).toBe(true)
    expect(addUnit(sketch, pseudonym(1))).toBe(false)
  })

  it("takes the register from the first ten bits and the rank from the zeros after them", () => {
    const rankOf = (text: string) => {
      const sketch = emptySketch()
      addUnit(sketch, text)
      const register = sketch.findIndex((rank) => rank > 0)
      return [register, sketch[register]]
    }
    // Twelve bits make two letters: ten of the register and two of the rank.
    expect(rankOf("AC".padEnd(10, "A"))).toEqual([0, 1])
    expect(rankOf("AB".padEnd(10, "A"))).toEqual([0, 2])
    expect(rankOf("AAgAAAAAAA")).toEqual([0, 3])
    expect(rankOf("__AAAAAAAB")).toEqual([1_023, 1])
    expect(rankOf("AEAAAAAAAB")).toEqual([1, 50])
    expect(rankOf("AEAAAAAAAA")).toEqual([1, 51])
  })

  it("sees the same units in any order, in any parts, and however often", () => {
    const units = fc.array(fc.nat(500), { maxLength: 200 })
    fc.assert(
      fc.property(units, units, (some, others) => {
        const all = emptySketch()
        for (const unit of [...others, ...some, ...some]) addUnit(all, pseudonym(unit))
        const parts = [some, others].map((part) => {
          const sketch = emptySketch()
          for (const unit of part) addUnit(sketch, pseudonym(unit))
          return sketch
        })
        const [one = emptySketch(), other = emptySketch()] = parts
        const merged = one.slice()
        mergeSketch(merged, other)
        mergeSketch(merged, one)
        expect(merged).toEqual(all)
        const otherWay = other.slice()
        mergeSketch(otherWay, one)
        expect(otherWay).toEqual(all)
      }),
      { numRuns: 40 },
    )
  })
})
