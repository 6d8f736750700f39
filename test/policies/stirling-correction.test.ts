import { describe, expect, it } from "vitest"
import { fastExp } from "#policies/fast-exp.ts"
import { stirlingCorrection } from "#policies/stirling-correction.ts"
import { knownAnswers, relativeError } from "./known-answers.ts"

describe("stirlingCorrection", () => {
  /** ln Γ(x), x > 0. */
  const logGamma = (x: number) => (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + stirlingCorrection(x)

  it.each(knownAnswers.special_functions.lgamma)("makes Stirling's formula ln Γ($x)", ({ x, v }) => {
    expect(relativeError(logGamma(x), v, 1)).toBeLessThan(1e-13)
  })

  it("makes it the logarithm of factorials", () => {
    let factorial = 1
    for (let n = 1; n <= 20; n++) {
      expect(Math.abs(logGamma(n) - Math.log(factorial))).toBeLessThan(1e-13 * Math.max(1, Math.log(factorial)))
      factorial *= n
    }
  })

  it("reaches to 1e-6, where Γ(x) = 1 / x - γ", () => {
    expect(logGamma(1e-6)).toBeCloseTo(Math.log(1e6 - 0.5772156649015329), 10)
  })

  it("has no step where the series takes over", () => {
    expect(Math.abs(stirlingCorrection(10 - 1e-9) - stirlingCorrection(10))).toBeLessThan(1e-11)
  })
})

describe("fastExp", () => {
  it("is e^x to 3e-13 and 0 from -700 down", () => {
    for (let x = -699.9; x <= 700; x += 0.37) expect(Math.abs(fastExp(x) / Math.exp(x) - 1)).toBeLessThan(3e-13)
    expect([fastExp(0), fastExp(-700), fastExp(-Infinity)]).toEqual([1, 0, 0])
  })
})
