import seedrandom from "seedrandom"
import { expect, it } from "vitest"
import { bootstrap } from "#src/domain/evaluation/bootstrap.ts"
import { ESTIMATORS, LOGGED, standardErrorOf } from "#src/domain/evaluation/estimators.ts"
import { WeightedSums } from "#src/domain/evaluation/weighted-sums.ts"

function draws(seed: string): { replicates: number; random: () => number } {
  const stream = seedrandom.alea(seed)
  return { replicates: 1000, random: () => stream.double() }
}

function coinRows(count: number, visits: number): WeightedSums {
  const coin = seedrandom.alea("coins")
  const sums = new WeightedSums()
  for (let unit = 0; unit < count / visits; unit++) {
    const weight = coin.double() < 0.5 ? 0.5 : 1.5
    const reward = coin.double() < 0.3 ? 1 : 0
    for (let visit = 0; visit < visits; visit++)
      sums.add({ weight, reward, predicted: 0.3, modelled: 0.3, unsupported: 0 }, unit % 4096)
  }
  return sums
}

it("has the delta method's errors where rows are independent, denominators included", () => {
  const sums = coinRows(4_000, 1)
  const estimators = [ESTIMATORS.ips, ESTIMATORS.snips, ESTIMATORS.dr, ESTIMATORS.sndr]
  for (const [index, { standardError }] of bootstrap(estimators, sums.buckets, draws("1")).entries()) {
    const expected = standardErrorOf(estimators[index] ?? LOGGED, sums)
    // A standard deviation of a thousand replicates is known to 1 / sqrt(2000).
    expect(Math.abs(standardError / expected - 1)).toBeLessThan(4 / Math.sqrt(2000))
  }
})

it("is twice as wide where every unit came four times with the same reward", () => {
  const [apart] = bootstrap([LOGGED], coinRows(4_000, 1).buckets, draws("1"))
  const [together] = bootstrap([LOGGED], coinRows(16_000, 4).buckets, draws("1"))
  const single = standardErrorOf(LOGGED, coinRows(16_000, 4))
  expect(together?.standardError).toBeCloseTo(apart?.standardError ?? 0, 12)
  expect((together?.standardError ?? 0) / single).toBeGreaterThan(1.8)
})

it("gives the same figures for the same seed, and an interval about the estimate", () => {
  const { buckets } = coinRows(4_000, 1)
  const [first] = bootstrap([LOGGED], buckets, draws("7"))
  expect(bootstrap([LOGGED], buckets, draws("7"))).toEqual([first])
  const [low = 0, high = 0] = first?.interval ?? []
  expect(low).toBeLessThan(0.3)
  expect(high).toBeGreaterThan(0.29)
  expect(high - low).toBeCloseTo(2 * 1.96 * (first?.standardError ?? 0), 2)
})
