import { expect, it } from "vitest"
import { introduction, type Outcome, outcomeDocument, summary } from "#src/cli/demo/summary.ts"
import { emptyTally } from "#src/cli/demo/tally.ts"

const variants = ["champion", "challenger"]
const beforehand = {
  contestedShare: 0.125,
  clickRates: [0.195, 0.214],
  better: 1,
  regretPerDecision: 0.019,
  decisionsNeeded: 4862,
}
const tally = {
  decisions: 40_000,
  clicks: 8500,
  chosen: [
    { decisions: 4000, clicks: 780 },
    { decisions: 36_000, clicks: 7720 },
  ],
  always: [7800, 8560],
  even: 8180,
}

function outcomeWith(probabilityBest: number): Outcome {
  const statistics = [
    {
      id: "champion",
      decisions: 4000,
      rewards: 780,
      rate: 0.195,
      allocation: 0.02,
      probabilityBest: 1 - probabilityBest,
    },
    { id: "challenger", decisions: 36_000, rewards: 7720, rate: 0.2144, allocation: 0.98, probabilityBest },
  ]
  return { variants, beforehand, tally, statistics, elapsedSeconds: 54.2 }
}

it("tells beforehand what is synthetic, which slates are played and which model is better", () => {
  const text = introduction(variants, beforehand, 2808)
  expect(text).toContain("Synthetic ad traffic in the shape of the Avazu click data")
  expect(text).toContain("out of 2,808 labelled ads")
  expect(text).toContain("on 88 % of slates both put the same ad on top")
  expect(text).toContain("clicks per decision champion 19.5 %, challenger 21.4 %")
  expect(text).toContain("challenger is better by 1.90 clicks per 100 of these slates")
  expect(text).toContain("about 4,862")
})

it("ends with the clicks earned beside those of the alternatives", () => {
  expect(summary(outcomeWith(0.9999))).toBe(`40,000 decisions in 54 s, 8,500 clicks posted back and counted once each.

  on the same slates          clicks   per slate
  the bandit                   8,500    21.25 %
  always champion              7,800    19.50 %
  always challenger            8,560    21.40 %
  an even split (expected)     8,180    20.45 %

The better model won: the gateway's probability that challenger is best is > 0.999.
challenger got 90.0 % of all decisions; its share is 98 % now.
The rows are synthetic, and these slates are those on which the models disagree. Over all slates the difference is 0.24 clicks per 100. It says which model ranks these rows better, nothing about real ads.
`)
})

it("doesn't claim a win that isn't settled", () => {
  expect(summary(outcomeWith(0.7))).toContain("The better model leads, but it isn't settled")
  expect(summary(outcomeWith(0.3))).toContain("Chance has favoured the other model so far")
})

it("says so when nothing was played", () => {
  expect(summary({ ...outcomeWith(0.5), tally: emptyTally(2) })).toBe("Stopped before the first decision.\n")
})

it("gives the same figures as a document", () => {
  expect(outcomeDocument(outcomeWith(0.99), "7")).toMatchObject({
    seed: "7",
    decisions: 40_000,
    clicks: 8500,
    sameSlates: { always: { champion: 7800, challenger: 8560 }, evenSplit: 8180 },
    beforehand: { better: "challenger", clickRates: { champion: 0.195, challenger: 0.214 } },
  })
})
