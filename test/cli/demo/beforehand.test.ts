import seedrandom from "seedrandom"
import { expect, it } from "vitest"
import { measureBeforehand } from "#src/cli/demo/beforehand.ts"
import { loadScoredAds, measureExample } from "#src/cli/demo/demonstrate.ts"
import { tinyPool } from "./tiny-pool.ts"

it("measures what each model would earn, and which is better", () => {
  const measured = measureBeforehand(tinyPool, seedrandom.alea("tiny"), 20_000)
  expect(measured.contestedShare).toBe(1)
  expect(measured.better).toBe(0)
  // Five of eight: the largest is always in the upper half, the smallest always in the lower.
  expect(measured.clickRates).toEqual([1, 0])
  expect(measured.regretPerDecision).toBe(1)
  expect(measured.decisionsNeeded).toBe(0)
})

it("counts decisions until an even split is expected to be 95 % sure", () => {
  // With every second ad clicked the largest of five is a clicked one in 16 of 56 slates, the smallest in 40 of 56: both variances are
  // 0.2041, and 2 * (0.2041 + 0.2041) * 1.645^2 / 0.4286^2 = 12.02 decisions.
  const ads = tinyPool.ads.map((ad, index) => ({ ...ad, clicked: index % 2 === 0 }))
  const measured = measureBeforehand({ ...tinyPool, ads }, seedrandom.alea("even"), 50_000)
  expect(measured.better).toBe(1)
  expect(measured.clickRates[0]).toBeCloseTo(16 / 56, 2)
  expect(measured.clickRates[1]).toBeCloseTo(40 / 56, 2)
  expect([12, 13]).toContain(measured.decisionsNeeded)
})

it("finds ctr-prefixed better on the example's ads, by 1 to 3 clicks per 100 contested slates", async () => {
  const measured = measureExample(await loadScoredAds())
  expect(measured.better).toBe(1)
  expect(measured.regretPerDecision).toBeGreaterThan(0.01)
  expect(measured.regretPerDecision).toBeLessThan(0.03)
  expect(measured.contestedShare).toBeGreaterThan(0.11)
  expect(measured.contestedShare).toBeLessThan(0.14)
})
