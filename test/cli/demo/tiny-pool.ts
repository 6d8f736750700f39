import type { ScoredAds } from "#src/cli/demo/slates.ts"

/** Eight ads, the upper half of them clicked. The first model ranks them upwards, which is right, and the second downwards. */
export const tinyPool: ScoredAds = {
  ads: Array.from({ length: 8 }, (_, ad) => ({ features: { ad: String(ad) }, clicked: ad >= 4 })),
  scoresByModel: [
    [0, 1, 2, 3, 4, 5, 6, 7],
    [7, 6, 5, 4, 3, 2, 1, 0],
  ],
}
