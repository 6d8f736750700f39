import seedrandom from "seedrandom"
import { describe, expect, it } from "vitest"
import { type DayCount, fittedRates } from "#src/app/simulation/fitted-rates.ts"

const stream = seedrandom.alea("fitted rates")

/** So many decisions of which each is rewarded with this rate. */
function counted(decisions: number, rate: number): DayCount {
  let rewarded = 0
  for (let decision = 0; decision < decisions; decision++) if (stream.double() < rate) rewarded += 1
  return { decisions, rewarded }
}

describe("given days that differ by chance alone", () => {
  it("gives each variant nearly the same rate on every day", () => {
    const days = Array.from({ length: 30 }, () => [counted(500, 0.02), counted(500, 0.03)])
    const rates = fittedRates(days)
    const spread = (variant: number): number => {
      const own = rates.map((day) => day[variant] ?? 0)
      return Math.max(...own) - Math.min(...own)
    }
    // Counted as they are, they differ by 0.02 and more.
    expect(spread(0)).toBeLessThan(0.006)
    expect(spread(1)).toBeLessThan(0.009)
    expect(rates[0]?.[0]).toBeCloseTo(0.02, 2)
    expect(rates[0]?.[1]).toBeCloseTo(0.03, 2)
  })
})

describe("given good and bad days", () => {
  it("does not take a variant for a good one because it had its traffic on good days", () => {
    const days = Array.from({ length: 20 }, (_, day) => {
      const good = day % 2 === 0
      const rate = good ? 0.2 : 0.05
      return [counted(good ? 5000 : 500, rate), counted(good ? 500 : 5000, rate)]
    })
    const rates = fittedRates(days)
    const ratios = rates.map(([first = 0, second = 0]) => second / first)
    // Of all its decisions, the first earned three times what the second did.
    expect(Math.abs(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length - 1)).toBeLessThan(0.05)
    for (const [day, [first = 0]] of rates.entries())
      expect(Math.abs(first / (day % 2 === 0 ? 0.2 : 0.05) - 1)).toBeLessThan(0.25)
  })

  it("follows variants whose order changes", () => {
    const days = Array.from({ length: 10 }, (_, day) => [counted(5000, 0.1), counted(5000, day < 5 ? 0.05 : 0.2)])
    const rates = fittedRates(days)
    expect(rates.map(([first = 0, second = 0]) => second > first)).toEqual(days.map((_, day) => day >= 5))
  })
})

it("gives 0 to a variant that was never rewarded or never served, and never more than 1", () => {
  expect(
    fittedRates([
      [
        { decisions: 10, rewarded: 0 },
        { decisions: 0, rewarded: 0 },
      ],
    ]),
  ).toEqual([[0, 0]])
  expect(fittedRates([[{ decisions: 10, rewarded: 10 }], [{ decisions: 10, rewarded: 10 }]])).toEqual([[1], [1]])
  expect(fittedRates([])).toEqual([])
})
