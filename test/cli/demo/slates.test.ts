import * as fc from "fast-check"
import seedrandom from "seedrandom"
import { expect, it } from "vitest"
import { contestedSlates, drawSlate, indexOfLargest, isContested, SLATE_SIZE } from "#src/cli/demo/slates.ts"
import { tinyPool } from "./tiny-pool.ts"

it("draws different ads and puts each model's favourite on top", () => {
  fc.assert(
    fc.property(fc.string(), (seed) => {
      const { candidates, topByModel } = drawSlate(tinyPool, seedrandom.alea(seed))
      expect(new Set(candidates).size).toBe(SLATE_SIZE)
      // The first model likes high numbers, the second low ones.
      expect(topByModel).toEqual([Math.max(...candidates), Math.min(...candidates)])
    }),
  )
})

it("draws every ad equally often", () => {
  const random = seedrandom.alea("uniform")
  const counts = tinyPool.ads.map(() => 0)
  const slates = 8000
  for (let i = 0; i < slates; i++) {
    for (const ad of drawSlate(tinyPool, random).candidates) counts[ad] = (counts[ad] ?? 0) + 1
  }
  const share = SLATE_SIZE / counts.length
  const fourStandardErrors = 4 * Math.sqrt((share * (1 - share)) / slates)
  for (const drawn of counts) expect(Math.abs(drawn / slates - share)).toBeLessThan(fourStandardErrors)
})

it("gives the same slates for the same seed and others for another", () => {
  const draw = (seed: string) => drawSlate(tinyPool, seedrandom.alea(seed)).candidates
  expect(draw("a")).toEqual(draw("a"))
  expect(draw("a")).not.toEqual(draw("b"))
})

it("contests only slates on which the models would show different ads", () => {
  const agreeing = {
    ...tinyPool,
    scoresByModel: [
      [9, 1, 1, 1, 1, 1, 1, 1],
      [9, 2, 3, 4, 5, 6, 7, 8],
    ],
  }
  const slates = contestedSlates(agreeing, seedrandom.alea("contested"))
  for (let i = 0; i < 100; i++) {
    const slate = slates.next().value
    expect(isContested(slate)).toBe(true)
    // Ad 0 is both models' favourite wherever it stands.
    expect(slate.candidates).not.toContain(0)
  }
})

it("puts the first of equals on top", () => {
  expect(indexOfLargest([1, 3, 3, 2])).toBe(1)
  expect(indexOfLargest([-2, -1])).toBe(1)
})
