import type { Ad } from "./ads.ts"

/** Uniform in [0, 1). */
export type Random = () => number

/** The ads and, for each model, its score of each ad. A score doesn't depend on the slate, so one is enough. */
export interface ScoredAds {
  readonly ads: readonly Ad[]
  readonly scoresByModel: readonly (readonly number[])[]
}

/** Candidate ads of one request, and the one that each model would show. All are indices into the ads. */
export interface Slate {
  readonly candidates: readonly number[]
  readonly topByModel: readonly number[]
}

export const SLATE_SIZE = 5

/** A slate of different ads, all equally likely. @param pool at least as many ads as a slate has */
export function drawSlate(pool: ScoredAds, random: Random): Slate {
  const candidates: number[] = []
  while (candidates.length < SLATE_SIZE) {
    const ad = Math.floor(random() * pool.ads.length)
    if (!candidates.includes(ad)) candidates.push(ad)
  }
  const topByModel = pool.scoresByModel.map((scores) => {
    const position = indexOfLargest(candidates.map((ad) => scores[ad] ?? 0))
    return candidates[position] ?? 0
  })
  return { candidates, topByModel }
}

/** Whether the models would show different ads: on any other slate the choice of the model makes no difference. */
export function isContested(slate: Slate): boolean {
  return slate.topByModel.some((ad) => ad !== slate.topByModel[0])
}

/** Endless contested slates. */
export function* contestedSlates(pool: ScoredAds, random: Random): Generator<Slate, never> {
  for (;;) {
    const slate = drawSlate(pool, random)
    if (isContested(slate)) yield slate
  }
}

/** Position of the largest value, the first of equals: which ad a ranking puts on top. */
export function indexOfLargest(values: readonly number[]): number {
  let best = 0
  for (const [index, value] of values.entries()) if (value > (values[best] ?? 0)) best = index
  return best
}
