import { drawSlate, indexOfLargest, isContested, type Random, type ScoredAds, SLATE_SIZE } from "./slates.ts"

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

/**
 * Measures two models on the labels: what each earns on all slates exactly, how many slates are contested by drawing some.
 *
 * Where both show the same ad they earn the same, so all of their exact difference is made on contested slates.
 */
export function measureBeforehand(pool: ScoredAds, random: Random, draws: number): Beforehand {
  const uncontested = drawUncontested(pool, random, draws)
  const contestedShare = 1 - uncontested.share
  const clickRates = pool.scoresByModel.map(
    (scores) => (clicksPerSlate(pool, scores) - uncontested.clicksPerSlate) / contestedShare,
  )
  const regretPerDecision = Math.max(...clickRates) - Math.min(...clickRates)
  const variance = clickRates.reduce((sum, rate) => sum + rate * (1 - rate), 0)
  return {
    contestedShare,
    clickRates,
    better: indexOfLargest(clickRates),
    regretPerDecision,
    decisionsNeeded: Math.ceil((clickRates.length * variance * Z_95 ** 2) / regretPerDecision ** 2),
  }
}

/**
 * Expected clicks of showing the ad with the largest score, over all slates. Scores must differ.
 *
 * An ad is on top of a slate when it is in it and the others are among the ads below: for n ads and a slate of k, the ad with i ads below
 * is on top with probability C(i, k - 1) / C(n, k).
 */
export function clicksPerSlate(pool: ScoredAds, scores: readonly number[]): number {
  const ascending = [...scores.keys()].sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0))
  let clicks = 0
  for (const [below, ad] of ascending.entries()) {
    if (pool.ads[ad]?.clicked !== true) continue
    let probability = SLATE_SIZE / scores.length
    for (let j = 0; j < SLATE_SIZE - 1; j++) probability *= (below - j) / (scores.length - 1 - j)
    clicks += probability
  }
  return clicks
}

/** Share of slates on which the models agree, and the clicks earned there, per slate drawn. */
function drawUncontested(pool: ScoredAds, random: Random, draws: number) {
  let slates = 0
  let clicks = 0
  for (let i = 0; i < draws; i++) {
    const slate = drawSlate(pool, random)
    if (isContested(slate)) continue
    slates++
    if (pool.ads[slate.topByModel[0] ?? 0]?.clicked === true) clicks++
  }
  return { share: slates / draws, clicksPerSlate: clicks / draws }
}
