import seedrandom from "seedrandom"
import { expect, it } from "vitest"
import { clicksPerSlate, measureBeforehand } from "#src/cli/demo/beforehand.ts"
import { loadScoredAds, measureExample } from "#src/cli/demo/demonstrate.ts"
import { tinyPool } from "./tiny-pool.ts"

it("knows exactly what showing the top ad earns over all slates", () => {
  // Eight ads make 56 slates of five; ads 4, 5, 6, 7 are on top of 1, 5, 15 and 35 of them.
  const clickedOnly = (...clicked: number[]) => ({
    ...tinyPool,
    ads: tinyPool.ads.map((ad, index) => ({ ...ad, clicked: clicked.includes(index) })),
  })
  const upwards = tinyPool.scoresByModel[0] ?? []
  const earned = [[4], [5], [6], [7], [0, 1, 2, 3], [5, 7]].map((ads) => clicksPerSlate(clickedOnly(...ads), upwards))
  for (const [i, slates] of [1, 5, 15, 35, 0, 40].entries()) expect(earned[i]).toBeCloseTo(slates / 56, 12)
})

it("measures what each model would earn, and which is better", () => {
  const measured = measureBeforehand(tinyPool, seedrandom.alea("tiny"), 1000)
  expect(measured.contestedShare).toBe(1)
  expect(measured.better).toBe(0)
  // Five of eight: the largest is always in the upper half, the smallest always in the lower.
  expect(measured.clickRates[0]).toBeCloseTo(1, 12)
  expect(measured.clickRates[1]).toBeCloseTo(0, 12)
  expect(measured.regretPerDecision).toBeCloseTo(1, 12)
})

it("counts decisions until an even split is expected to be 95 % sure", () => {
  // With every second ad clicked the largest of five is a clicked one in 16 of 56 slates, the smallest in 40 of 56: both variances are
  // 0.2041, and 2 * (0.2041 + 0.2041) * 1.645^2 / 0.4286^2 = 12.02 decisions.
  const ads = tinyPool.ads.map((ad, index) => ({ ...ad, clicked: index % 2 === 0 }))
  const measured = measureBeforehand({ ...tinyPool, ads }, seedrandom.alea("even"), 1000)
  expect(measured.better).toBe(1)
  expect(measured.clickRates[0]).toBeCloseTo(16 / 56, 12)
  expect(measured.clickRates[1]).toBeCloseTo(40 / 56, 12)
  expect(measured.decisionsNeeded).toBe(13)
})

it("divides the exact difference by the share of contested slates", () => {
  const scoresByModel = [
    [0, 1, 2, 3, 4, 5, 6, 7],
    [0, 1, 2, 3, 4, 5, 7, 6],
  ]
  const ads = tinyPool.ads.map((ad, index) => ({ ...ad, clicked: index === 7 }))
  const measured = measureBeforehand({ ads, scoresByModel }, seedrandom.alea("share"), 50_000)
  // Contested are slates with both of the last two ads: C(6, 3) of 56. There the first model earns every click, the second none.
  expect(measured.contestedShare).toBeCloseTo(20 / 56, 2)
  expect(measured.clickRates[0]).toBeCloseTo(1, 1)
  expect(measured.clickRates[1]).toBeCloseTo(0, 1)
  expect(measured.regretPerDecision * measured.contestedShare).toBeCloseTo(20 / 56, 12)
})

it("finds ctr-prefixed better on the example's ads: 0.22 clicks per 100 slates, 1.8 per 100 contested ones", async () => {
  const pool = await loadScoredAds()
  const measured = measureExample(pool)
  expect(measured.better).toBe(1)
  expect(new Set(pool.scoresByModel[0]).size).toBe(pool.ads.length)
  expect(measured.regretPerDecision * measured.contestedShare).toBeCloseTo(0.0022, 4)
  expect(measured.regretPerDecision).toBeCloseTo(0.018, 3)
})
