import * as fc from "fast-check"
import seedrandom from "seedrandom"
import { describe, expect, it } from "vitest"
import { DELAY_BINS, delayBin, delayBinEnd, delayMetric, parseDelayMetric } from "#src/domain/delay-counters.ts"
import { type DelayRow, estimateDelays } from "#src/domain/delay-distribution.ts"

const WINDOW = 10_000

describe("given a bin of delays", () => {
  it("holds what is longer than the bin before it ends at, and no longer than its own end", () => {
    const delays = fc.double({ min: 0, max: 3_000_000, noNaN: true })
    fc.assert(
      fc.property(delays, fc.integer({ min: 1, max: 2_592_000 }), (delay, window) => {
        const bin = delayBin(delay, window)
        const [start, end] = [bin === 0 ? 0 : delayBinEnd(bin - 1, window), delayBinEnd(bin, window)]
        expect(bin === DELAY_BINS - 1 || delay <= end * (1 + 1e-9)).toBe(true)
        expect(bin === 0 || delay >= start * (1 - 1e-9)).toBe(true)
      }),
    )
    expect(delayBin(-5, WINDOW)).toBe(0)
    expect(delayBin(WINDOW, WINDOW)).toBe(DELAY_BINS - 1)
    expect(delayBinEnd(DELAY_BINS - 1, WINDOW)).toBeCloseTo(WINDOW, 6)
  })

  it("has a name that says its metric, window and number", () => {
    const counter = { metric: "click.v2", windowSeconds: 3_600, bin: 7 }
    expect(delayMetric(counter)).toBe("click.v2@3600.7")
    expect(parseDelayMetric(delayMetric(counter))).toEqual(counter)
    expect(parseDelayMetric("click.v2")).toBeUndefined()
    expect(parseDelayMetric("")).toBeUndefined()
  })
})

/** Rewards of decisions that were made evenly since `seconds` before now, each with an exponential delay, as far as they have come. */
function arriving(given: {
  seconds: number
  rewards: number
  meanDelay: number
  variant?: string
  seed?: string
}): DelayRow[] {
  const { seconds, rewards, meanDelay, variant = "a", seed = "delays" } = given
  const random = seedrandom.alea(`${seed} ${variant}`)
  return Array.from({ length: rewards }, () => {
    const age = random() * seconds
    const delay = -Math.log(1 - random()) * meanDelay
    return { age, delay }
  })
    .filter(({ age, delay }) => delay <= Math.min(age, WINDOW))
    .map(({ age, delay }) => ({ variant, bucket: -age, widthSeconds: 0, bin: delayBin(delay, WINDOW), count: 1 }))
}

/** P(delay ≤ age), given that it is within the window. */
function truth(age: number, meanDelay: number): number {
  return -Math.expm1(-age / meanDelay) / -Math.expm1(-WINDOW / meanDelay)
}

describe("given rewards with exponential delays", () => {
  const AGES = [100, 400, 1_000, 2_500, 6_000]

  it.each([300, 1_000, 6_000])(
    "finds the distribution from closed decisions and rewards of open ones (mean %i s)",
    (meanDelay) => {
      const arrived = estimateDelays(arriving({ seconds: 2 * WINDOW, rewards: 20_000, meanDelay }), WINDOW, 0)("a")
      for (const age of AGES) expect(Math.abs(arrived(age) - truth(age, meanDelay))).toBeLessThan(0.02)
      expect(arrived(WINDOW)).toBe(1)
      expect(arrived(0)).toBe(0)
    },
  )

  it("is not misled by how many decisions are young: what is seen of them is cut off at their age", () => {
    const rows = [
      ...arriving({ seconds: 2 * WINDOW, rewards: 2_000, meanDelay: 3_000 }),
      ...arriving({ seconds: 2_000, rewards: 40_000, meanDelay: 3_000, seed: "a rush" }),
    ]
    const arrived = estimateDelays(rows, WINDOW, 0)("a")
    for (const age of AGES) expect(Math.abs(arrived(age) - truth(age, 3_000))).toBeLessThan(0.05)
    // The share of what was seen, taken as it is, would be far off.
    const within = rows.filter(({ bin }) => bin <= delayBin(1_000, WINDOW)).length / rows.length
    expect(within - truth(1_000, 3_000)).toBeGreaterThan(0.2)
  })

  it("tells variants apart, and takes all together for one without rewards", () => {
    const rows = [
      ...arriving({ seconds: 2 * WINDOW, rewards: 5_000, meanDelay: 300 }),
      ...arriving({ seconds: 2 * WINDOW, rewards: 5_000, meanDelay: 6_000, variant: "slow" }),
    ]
    const arrived = estimateDelays(rows, WINDOW, 0)
    expect(Math.abs(arrived("a")(1_000) - truth(1_000, 300))).toBeLessThan(0.03)
    expect(Math.abs(arrived("slow")(1_000) - truth(1_000, 6_000))).toBeLessThan(0.03)
    const [fast, slow, newcomer] = ["a", "slow", "newcomer"].map((variant) => arrived(variant)(1_000))
    expect(newcomer).toBeLessThan(fast ?? 0)
    expect(newcomer).toBeGreaterThan(slow ?? 1)
  })

  it("takes rewards beyond the oldest decision's age for none", () => {
    const arrived = estimateDelays(arriving({ seconds: 1_000, rewards: 5_000, meanDelay: 3_000 }), WINDOW, 0)("a")
    expect(arrived(1_000)).toBeGreaterThan(0.9)
    expect(arrived(5_000)).toBe(1)
  })

  it("forgets decisions older than two windows", () => {
    const old = { variant: "a", bucket: -2 * WINDOW - 10, widthSeconds: 1, bin: 23, count: 1e6 }
    expect(estimateDelays([old], WINDOW, 0)("a")(10)).toBe(1)
  })
})

it("takes every decision for ripe without rewards, and never leaves [0, 1] or falls with age", () => {
  expect(estimateDelays([], WINDOW, 0)("a")(5)).toBe(1)
  const row = fc.record({
    variant: fc.constantFrom("a", "b"),
    bucket: fc.integer({ min: -2 * WINDOW, max: 10 }),
    widthSeconds: fc.constantFrom(1, 60, 600),
    bin: fc.nat(DELAY_BINS - 1),
    count: fc.nat(1_000),
  })
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      const arrived = estimateDelays(rows, WINDOW, 0)("a")
      const shares = Array.from({ length: 200 }, (_, i) => arrived(i * 60))
      expect(shares.every((share) => share >= 0 && share <= 1)).toBe(true)
      shares.slice(1).forEach((share, i) => expect(share).toBeGreaterThanOrEqual((shares[i] ?? 0) - 1e-12))
    }),
  )
})
