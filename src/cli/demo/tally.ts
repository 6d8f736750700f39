import type { ScoredAds, Slate } from "./slates.ts"

/** Clicks of what was played, and of what else could have been played on the same slates. */
export interface Tally {
  readonly decisions: number
  readonly clicks: number
  /** Decisions and clicks by the variant that was chosen. */
  readonly chosen: readonly { readonly decisions: number; readonly clicks: number }[]
  /** Clicks of showing the same variant's ad every time, by variant. */
  readonly always: readonly number[]
  /** Expected clicks of an even split. */
  readonly even: number
}

export function emptyTally(variants: number): Tally {
  const chosen = Array.from({ length: variants }, () => ({ decisions: 0, clicks: 0 }))
  return { decisions: 0, clicks: 0, chosen, always: chosen.map(() => 0), even: 0 }
}

/** The tally after one more slate on which `variant` was chosen. */
export function count(tally: Tally, pool: ScoredAds, slate: Slate, variant: number): Tally {
  const labels = slate.topByModel.map((ad) => (pool.ads[ad]?.clicked === true ? 1 : 0))
  const click = labels[variant] ?? 0
  return {
    decisions: tally.decisions + 1,
    clicks: tally.clicks + click,
    chosen: tally.chosen.map((sum, index) =>
      index === variant ? { decisions: sum.decisions + 1, clicks: sum.clicks + click } : sum,
    ),
    always: tally.always.map((sum, index) => sum + (labels[index] ?? 0)),
    even: tally.even + labels.reduce<number>((sum, label) => sum + label, 0) / labels.length,
  }
}
