import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { probabilityBestBeta, probabilityBestStudentT } from "#policies/probability-best.ts"
import { denseBest } from "./dense-reference.ts"
import { knownAnswers } from "./known-answers.ts"

const ACCURACY = 1e-9

function beta(...posteriors: readonly (readonly [number, number])[]): number[] {
  return probabilityBestBeta(posteriors.map(([alpha, beta]) => ({ alpha, beta })))
}

/** Largest absolute error of any arm. */
function worstError(actual: readonly number[], expected: readonly number[]): number {
  if (actual.length !== expected.length) return Infinity
  return Math.max(...actual.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN))))
}

/** P(X1 > X2) for a whole-numbered first alpha, by the finite sum over B(a2 + i, b1 + b2) / ((b1 + i) B(1 + i, b1) B(a2, b2)). */
function finiteSum(a1: number, b1: number, a2: number, b2: number): number {
  let term = 1
  for (let k = 0; k < b1; k++) term *= (b2 + k) / (a2 + b2 + k)
  let sum = 0
  for (let i = 0; i < a1; i++) {
    sum += term
    term *= ((a2 + i) / (a2 + b2 + b1 + i)) * ((b1 + i) / (1 + i))
  }
  return sum
}

describe("given Beta posteriors", () => {
  it("refuses none, and parameters that are not positive and finite", () => {
    expect(() => beta()).toThrow(expect.objectContaining({ code: "no_arms" }))
    for (const bad of [0, -1, Number.NaN, Infinity]) {
      expect(() => beta([bad, 1], [1, 1])).toThrow(expect.objectContaining({ code: "not_finite" }))
      expect(() => beta([1, bad])).toThrow(expect.objectContaining({ code: "not_finite" }))
    }
  })

  it("gives a single arm everything", () => {
    expect(beta([0.5, 7])).toEqual([1])
  })

  it.each(knownAnswers.beta_two_arm.cases)(
    "knows P(Beta($a1, $b1) > Beta($a2, $b2))",
    ({ a1, b1, a2, b2, p_first_greater }) => {
      expect(worstError(beta([a1, b1], [a2, b2]), [p_first_greater, 1 - p_first_greater])).toBeLessThanOrEqual(ACCURACY)
    },
  )

  it.each(knownAnswers.thompson_action_probabilities.cases)("knows P(best) of $name", ({ posteriors, p_best }) => {
    expect(worstError(beta(...posteriors), p_best)).toBeLessThanOrEqual(ACCURACY)
  })

  it("knows the exact 0.6, 0.1, 0.3 of Beta(2,1), Beta(1,2), Beta(1,1)", () => {
    expect(
      worstError(beta([2, 1], [1, 2], [1, 1]), knownAnswers.thompson_action_probabilities.exact.p_best),
    ).toBeLessThanOrEqual(1e-11)
  })

  it("agrees with the finite sum for two arms of every size", () => {
    const count = fc.integer({ min: 1, max: 300 })
    fc.assert(
      fc.property(count, count, count, count, (a1, b1, a2, b2) => {
        const first = finiteSum(a1, b1, a2, b2)
        expect(worstError(beta([a1, b1], [a2, b2]), [first, 1 - first])).toBeLessThanOrEqual(ACCURACY)
      }),
      { numRuns: 300, seed: 1 },
    )
  })

  it.each([
    [
      "a uniform beside the tightest",
      [
        [1, 1],
        [5e6, 5e6],
      ],
    ],
    [
      "counts of ten million",
      [
        [100_001, 9_900_001],
        [100_301, 9_900_001],
        [99_801, 9_900_001],
      ],
    ],
    [
      "widths five orders apart",
      [
        [1, 1],
        [5e6, 5e6],
        [2, 2],
        [600, 590],
        [0.5, 0.5],
      ],
    ],
    [
      "densities that are infinite at both ends",
      [
        [0.5, 0.5],
        [0.1, 0.2],
        [0.3, 0.05],
      ],
    ],
    [
      "an informative prior below one",
      [
        [0.5, 49.5],
        [3.5, 146.5],
        [1.5, 98.5],
      ],
    ],
    [
      "never a success in ten million beside a new arm",
      [
        [1, 1e7],
        [1, 2],
      ],
    ],
    [
      "nothing but successes",
      [
        [1e7, 1],
        [5e6, 1],
        [3, 1],
      ],
    ],
    [
      "a leader far ahead",
      [
        [1501, 98_500],
        [21, 1980],
        [3, 200],
        [1, 1],
      ],
    ],
  ] as const)("agrees with a dense reference on %s", (_, posteriors) => {
    expect(worstError(beta(...posteriors), denseBest(posteriors))).toBeLessThanOrEqual(ACCURACY)
  })

  it.each([10, 1000, 1e5, 1e7])("agrees with a dense reference on 20 arms of about %d decisions", (n) => {
    const posteriors = Array.from(
      { length: 20 },
      (_, i) => [1 + 0.02 * n * (1 + i / (5 * Math.sqrt(n))), 1 + 0.98 * n] as const,
    )
    expect(worstError(beta(...posteriors), denseBest(posteriors, 800))).toBeLessThanOrEqual(ACCURACY)
  })

  // By mpmath with 40 digits: panels of 16 Gauss-Legendre nodes in the log odds, one for each standard deviation.
  it.each([
    [1e12, 1e12, 1e12, 1_000_000_600_000.1799, 0.617911430757161],
    [3e11, 1e12, 299_997_350_483.44006, 1e12, 0.998650079386865],
    [1e12, 1e12, 1_000_001_000_000, 999_999_000_000, 0.158655253931366],
    [1e12, 1e12, 1e12, 1_000_002_000_002, 0.841344806561088],
    [1e12, 1e9, 1e12, 1_000_044_744.7156574, 0.841347450082401],
    [1e5, 1e12, 98_667.31903272706, 1e12, 0.998604933843072],
    [1e12, 10, 1e12, 15.639483159388694, 0.872241702855829],
    [1e12, 1, 1e11, 2, 0.991735537190007],
    [1e11, 1e10, 1e11, 10_000_444_981.809374, 0.998650236420855],
  ])("knows P(Beta(%d, %d) > Beta(%d, %d)), a trillion counts", (a1, b1, a2, b2, first) => {
    expect(worstError(beta([a1, b1], [a2, b2]), [first, 1 - first])).toBeLessThanOrEqual(1e-10)
  })

  it("agrees with a dense reference on arms of all kinds", () => {
    const size = fc.double({ min: Math.log(0.05), max: Math.log(1e6), noNaN: true }).map(Math.exp)
    fc.assert(
      fc.property(fc.array(fc.tuple(size, size), { minLength: 2, maxLength: 6 }), (posteriors) => {
        expect(worstError(beta(...posteriors), denseBest(posteriors, 3000))).toBeLessThanOrEqual(ACCURACY)
      }),
      { numRuns: 40, seed: 2 },
    )
  })

  it("gives equal arms equal shares, however many and however tight", () => {
    for (const [alpha, b] of [
      [1, 1],
      [0.01, 0.01],
      [13, 989],
      [1e5, 9.9e6],
    ] as const) {
      for (const count of [2, 3, 20]) {
        expect(
          worstError(
            beta(...Array.from({ length: count }, () => [alpha, b] as const)),
            Array.from({ length: count }, () => 1 / count),
          ),
        ).toBeLessThanOrEqual(1e-12)
      }
    }
  })

  it("sums to 1, is never negative and never NaN, on anything a counter and a prior can reach", () => {
    const size = fc.double({ min: Math.log(1e-6), max: Math.log(1e10), noNaN: true }).map(Math.exp)
    fc.assert(
      fc.property(fc.array(fc.tuple(size, size), { minLength: 1, maxLength: 20 }), (posteriors) => {
        const best = beta(...posteriors)
        expect(best.every((p) => p >= 0 && p <= 1)).toBe(true)
        expect(Math.abs(best.reduce((sum, p) => sum + p, 0) - 1)).toBeLessThan(1e-12)
      }),
      { numRuns: 500, seed: 3 },
    )
  })
})

describe("given normal distributions", () => {
  const normal = (mean: number, sd: number) => ({ location: mean, scale: sd, degrees: Infinity })

  it.each(knownAnswers.gaussian_p_best)("knows P(best) of means $mu and deviations $sd", ({ mu, sd, p_best }) => {
    expect(
      worstError(probabilityBestStudentT(mu.map((mean, i) => normal(mean, sd[i] ?? 1))), p_best),
    ).toBeLessThanOrEqual(ACCURACY)
  })

  it("sees a difference of one part in a million of the larger deviation", () => {
    const [first = 0] = probabilityBestStudentT([normal(0, 1e6), normal(1, 1e-3)])
    // Φ(-1e-6) = 1/2 - 1e-6 / √(2π)
    expect(Math.abs(first - (0.5 - 1e-6 / Math.sqrt(2 * Math.PI)))).toBeLessThan(1e-10)
  })
})

/** P(T > t) of Student's t in closed form, for 1, 2 or 4 degrees of freedom. */
function upperTail(t: number, degrees: number): number {
  if (degrees === 1) return 0.5 - Math.atan(t) / Math.PI
  const u = t / Math.sqrt(degrees + t * t)
  return degrees === 2 ? (1 - u) / 2 : 0.5 - (u * (3 - u * u)) / 4
}

describe("given Student-t posteriors", () => {
  const cauchy = (location: number, scale: number) => ({ location, scale, degrees: 1 })

  it("knows the closed form of two Cauchy arms: their difference is Cauchy", () => {
    for (const [shift, a, b] of [
      [0, 1, 1],
      [1, 1, 1],
      [-3, 0.1, 2],
      [50, 1e-3, 10],
      [1e4, 1, 1],
    ] as const) {
      const expected = 0.5 + Math.atan(shift / (a + b)) / Math.PI
      expect(
        worstError(probabilityBestStudentT([cauchy(shift, a), cauchy(0, b)]), [expected, 1 - expected]),
      ).toBeLessThanOrEqual(ACCURACY)
    }
  })

  it("tends to the normal distribution", () => {
    const at = (degrees: number): number[] =>
      probabilityBestStudentT([
        { location: 0.1, scale: 0.2, degrees },
        { location: 0, scale: 0.5, degrees },
        { location: -0.2, scale: 1, degrees },
      ])
    expect(worstError(at(1e12), at(Infinity))).toBeLessThanOrEqual(1e-10)
  })

  it("finds narrow arms among wide ones", () => {
    const wide = { location: 0, scale: 30, degrees: 2 }
    const narrow = [1e-4, 2e-4, 3e-4].map((scale, i) => ({ location: 5 + i * 1e-4, scale, degrees: 4 + i }))
    const best = probabilityBestStudentT([wide, ...narrow])
    const alone = probabilityBestStudentT(narrow)
    // The wide arm's density is flat over the narrow ones: it takes its share of the top and leaves theirs as it was.
    const upper = probabilityBestStudentT([wide, { location: 5.0001, scale: 1e-9, degrees: 100 }])[0] ?? 0
    expect(worstError(best, [upper, ...alone.map((p) => p * (1 - upper))])).toBeLessThanOrEqual(1e-5)
  })

  it("finds an arm up to 10^18 times narrower than the one beside it, wherever it is", () => {
    const degrees = fc.constantFrom(1, 2, 4, 30, Infinity)
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 4),
        degrees,
        fc.double({ min: 9, max: 18, noNaN: true }),
        fc.double({ min: -8, max: 8, noNaN: true }),
        fc.constantFrom(-5300, 0, 1),
        fc.boolean(),
        (wideDegrees, narrowDegrees, magnitude, z, place, narrowFirst) => {
          const wide = { location: place, scale: 1, degrees: wideDegrees }
          const narrow = { location: place + z, scale: 10 ** -magnitude, degrees: narrowDegrees }
          const best = probabilityBestStudentT(narrowFirst ? [narrow, wide] : [wide, narrow])
          // A narrow arm is a point: the wide one wins with its mass above it. A Cauchy arm's own tails add about its scale.
          const above = upperTail(narrow.location - place, wideDegrees)
          const allowed = ACCURACY + 20 * narrow.scale
          expect(worstError(best, narrowFirst ? [1 - above, above] : [above, 1 - above])).toBeLessThanOrEqual(allowed)
        },
      ),
      { numRuns: 400, seed: 4 },
    )
  })

  it("agrees with the Cauchy closed form at any ratio of scales up to 10^18 either way", () => {
    const magnitude = fc.double({ min: -18, max: 18, noNaN: true }).map((exponent) => 10 ** exponent)
    const shift = fc.oneof(fc.constantFrom(0, 1, -1), magnitude)
    fc.assert(
      fc.property(magnitude, shift, (scale, by) => {
        const expected = 0.5 + Math.atan(by / (1 + scale)) / Math.PI
        const best = probabilityBestStudentT([cauchy(by, scale), cauchy(0, 1)])
        expect(worstError(best, [expected, 1 - expected])).toBeLessThanOrEqual(ACCURACY)
      }),
      { numRuns: 300, seed: 5 },
    )
  })

  it("does not depend on the unit of the rewards, from 10^-300 to 10^300", () => {
    const at = (unit: number): number[] =>
      probabilityBestStudentT([
        { location: 0.3 * unit, scale: unit, degrees: 2 },
        { location: 0, scale: 0.2 * unit, degrees: 7 },
        { location: -unit, scale: 3 * unit, degrees: Infinity },
      ])
    for (const unit of [1e-300, 1e-160, 100, 1e160, 1e300]) {
      expect(worstError(at(unit), at(1))).toBeLessThanOrEqual(1e-12)
    }
  })

  it("stays a probability for any number of arms whose scales differ without limit", () => {
    const magnitude = fc.double({ min: -18, max: 18, noNaN: true }).map((exponent) => 10 ** exponent)
    const place = fc.oneof(
      fc.constantFrom(0, 1),
      magnitude,
      magnitude.map((size) => -size),
    )
    const posterior = fc.record({
      location: place,
      scale: magnitude,
      degrees: fc.constantFrom(1, 1.5, 3, 1e6, Infinity),
    })
    fc.assert(
      fc.property(fc.array(posterior, { minLength: 2, maxLength: 6 }), (posteriors) => {
        const best = probabilityBestStudentT(posteriors)
        expect(best.every((p) => p >= 0 && p <= 1)).toBe(true)
        expect(Math.abs(best.reduce((sum, p) => sum + p, 0) - 1)).toBeLessThan(1e-12)
      }),
      { numRuns: 300, seed: 6 },
    )
  })

  it("refuses scales that are not positive and fewer than one degree of freedom", () => {
    for (const bad of [
      { location: Number.NaN, scale: 1, degrees: 3 },
      { location: 0, scale: 0, degrees: 3 },
      { location: 0, scale: 1, degrees: 0.5 },
    ]) {
      expect(() => probabilityBestStudentT([bad, cauchy(0, 1)])).toThrow(
        expect.objectContaining({ code: "not_finite" }),
      )
    }
  })
})
