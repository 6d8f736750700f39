import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { GradientLimit } from "#src/http/overload/gradient-limit.ts"

const KNOBS = { initial: 100, least: 20, most: 200, smoothing: 0.2, longWindow: 600, tolerance: 1.5, growth: 4 }

function learnOften(limit: GradientLimit, times: number, tookMs: number, inFlight: number): void {
  for (let i = 0; i < times; i++) limit.learn(tookMs, inFlight)
}

describe("the limit of requests in flight", () => {
  it("grows while requests that use it take their usual time", () => {
    const limit = new GradientLimit(KNOBS)
    learnOften(limit, 1_000, 20, 150)
    expect(limit.value).toBe(200)
  })

  it("stays where it is while few requests are in flight: they say nothing about it", () => {
    const limit = new GradientLimit(KNOBS)
    learnOften(limit, 1_000, 20, 49)
    expect(limit.value).toBe(100)
  })

  it("shrinks when requests take longer than usual, and comes back when that is over", () => {
    const limit = new GradientLimit(KNOBS)
    learnOften(limit, 600, 20, 150)
    learnOften(limit, 20, 200, 200)
    expect(limit.value).toBeLessThan(60)
    learnOften(limit, 600, 20, 150)
    expect(limit.value).toBe(200)
  })

  it("takes what lasts for usual", () => {
    const limit = new GradientLimit(KNOBS)
    learnOften(limit, 600, 20, 150)
    learnOften(limit, 20_000, 60, 200)
    expect(limit.value).toBe(200)
  })

  it("puts up with 1.5 times the usual time", () => {
    const limit = new GradientLimit(KNOBS)
    learnOften(limit, 1_000, 20, 150)
    learnOften(limit, 1_000, 29, 200)
    expect(limit.value).toBe(200)
  })

  it("stays between its bounds, whatever it is told", () => {
    const sample = fc.record({
      tookMs: fc.oneof(fc.double(), fc.constantFrom(0, -1, 1e-300, 1e300)),
      inFlight: fc.nat(1_000),
    })
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 300 }), (samples) => {
        const limit = new GradientLimit(KNOBS)
        for (const { tookMs, inFlight } of samples) {
          limit.learn(tookMs, inFlight)
          expect(limit.value).toBeGreaterThanOrEqual(20)
          expect(limit.value).toBeLessThanOrEqual(200)
        }
      }),
    )
  })
})
