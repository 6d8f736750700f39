import { expect, it } from "vitest"
import { count, emptyTally } from "#src/cli/demo/tally.ts"
import { tinyPool } from "./tiny-pool.ts"

it("counts what was earned beside what else could have been", () => {
  // Clicked are the ads from 4 on: the first slate's tops are a click and none, the second's two clicks, the third's none.
  const slates = [
    { candidates: [0, 1, 2, 3, 4], topByModel: [4, 0] },
    { candidates: [3, 4, 5, 6, 7], topByModel: [7, 4] },
    { candidates: [0, 1, 2, 3, 7], topByModel: [3, 0] },
  ]
  const chosen = [1, 0, 0]
  const tally = slates.reduce((sum, slate, i) => count(sum, tinyPool, slate, chosen[i] ?? 0), emptyTally(2))
  expect(tally).toEqual({
    decisions: 3,
    clicks: 1,
    chosen: [
      { decisions: 2, clicks: 1 },
      { decisions: 1, clicks: 0 },
    ],
    always: [2, 1],
    even: 1.5,
  })
})
