import { drawSlate, indexOfLargest, isContested, type Random, type ScoredAds } from "./slates.ts"

/** What the labels say about the models before a single decision is made. */
export interface Beforehand {
  /** Share of random slates on which the models would show different ads. */
  readonly contestedShare: number
  /** Clicks per contested slate, by model. */
  readonly clickRates: readonly number[]
  readonly better: number
  /** Clicks that a decision for the other model costs on average, on a contested slate. */
  readonly regretPerDecision: number
  /** Decisions of an even split after which the probability of being best is expected to pass 0.95. */
  readonly decisionsNeeded: number
}

/** One-sided 95 % quantile of the normal distribution. */
const Z_95 = 1.6449

/** Shows the ads of two models on `draws` random slates and counts the clicks that each would have earned. */
export function measureBeforehand(pool: ScoredAds, random: Random, draws: number): Beforehand {
  const clicks = pool.scoresByModel.map(() => 0)
  let contested = 0
  for (let i = 0; i < draws; i++) {
    const slate = drawSlate(pool, random)
    if (!isContested(slate)) continue
    contested++
    for (const [model, ad] of slate.topByModel.entries()) {
      if (pool.ads[ad]?.clicked === true) clicks[model] = (clicks[model] ?? 0) + 1
    }
  }
  const clickRates = clicks.map((count) => count / contested)
  const better = indexOfLargest(clickRates)
  const regretPerDecision = Math.max(...clickRates) - Math.min(...clickRates)
  const variance = clickRates.reduce((sum, rate) => sum + rate * (1 - rate), 0)
  return {
    contestedShare: contested / draws,
    clickRates,
    better,
    regretPerDecision,
    decisionsNeeded: Math.ceil((clickRates.length * variance * Z_95 ** 2) / regretPerDecision ** 2),
  }
}
