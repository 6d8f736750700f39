import { describe, expect, it } from "vitest"
import { judge } from "#src/domain/evaluation/verdict.ts"
import { type WeightedRow, WeightedSums } from "#src/domain/evaluation/weighted-sums.ts"

const WHOLE = { certainShare: 0, startLost: false }

/** Rows of an even split whose two variants earn `served` and `other`, for a target that always serves the first. */
function evenSplit(count: number, served: number, other: number, change: Partial<WeightedRow> = {}): WeightedSums {
  const sums = new WeightedSums()
  for (let index = 0; index < count; index++) {
    const weight = index % 2 === 0 ? 2 : 0
    const rate = weight > 0 ? served : other
    const reward = Math.floor(index / 2) % 100 < 100 * rate ? 1 : 0
    sums.add({ weight, reward, predicted: 0, modelled: 0, unsupported: 0, ...change }, index % 4096)
  }
  return sums
}

it.each([
  ["better", 0.5, 0.3],
  ["worse", 0.3, 0.5],
  ["unclear", 0.4, 0.4],
] as const)("calls a target %s by the interval of what it earns more on the same rows", (verdict, served, other) => {
  const judged = judge(evenSplit(4_000, served, other), WHOLE)
  expect(judged).toMatchObject({ verdict, reasons: [] })
  expect(judged.gain.value).toBeCloseTo((served - other) / 2, 2)
})

describe("given a log that can't tell", () => {
  it.each([
    ["too few rows that count", evenSplit(150, 1, 1), WHOLE, "the weighted rows say as much as 75 plain ones"],
    ["too few rewards", evenSplit(4_000, 0.02, 0.02), WHOLE, "the weighted rewards say as much as 40 plain ones"],
    ["wrong propensities", evenSplit(4_000, 0.4, 0.4, { weight: 0.9 }), WHOLE, "the mean weight is 0.9000"],
    ["a target without support", evenSplit(4_000, 0.4, 0.4, { unsupported: 0.5 }), WHOLE, "50 % of the target's"],
    [
      "a policy that leaves nothing to chance",
      evenSplit(4_000, 0.4, 0.4, { unsupported: 0.5 }),
      { ...WHOLE, certainShare: 0.9 },
      "90 % of its decisions were certain",
    ],
    ["a lost beginning", evenSplit(4_000, 0.4, 0.4), { ...WHOLE, startLost: true }, "the log's first files are gone"],
  ])("says of %s that it has no verdict, and why", (_, sums, log, reason) => {
    const { verdict, reasons } = judge(sums, log)
    expect(verdict).toBe("cannot-tell")
    expect(reasons).toContainEqual(expect.stringContaining(reason))
  })

  it("names a single row that carries much of the rewards", () => {
    const sums = evenSplit(4_000, 0.4, 0.4)
    sums.add({ weight: 200, reward: 1, predicted: 0, modelled: 0, unsupported: 0 }, 1)
    expect(judge(sums, WHOLE).reasons).toContainEqual(
      expect.stringContaining("a single row carries 11 % of the weighted rewards"),
    )
  })
})
