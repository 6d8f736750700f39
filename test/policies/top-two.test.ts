import { describe, expect, it } from "vitest"
import { challengersBeta } from "#policies/probability-best.ts"
import { topTwo } from "#policies/top-two.ts"
import { arms } from "./arms.ts"
import { knownAnswers } from "./known-answers.ts"

const prior = { alpha: 1, beta: 1 }

it.each(knownAnswers.thompson_action_probabilities.cases)(
  "knows the allocation on $name",
  ({ posteriors, top_two_beta05 }) => {
    const list = arms(...posteriors.map(([alpha, beta]) => [alpha - 1, alpha + beta - 2] as const))
    topTwo.allocate(list, { prior, beta: 0.5 }).forEach((probability, i) => {
      expect(Math.abs(probability - (top_two_beta05[i] ?? 0))).toBeLessThan(1e-9)
    })
  },
)

it("is Thompson sampling at beta 1", () => {
  const [first = 0] = topTwo.allocate(arms([3, 10], [5, 10]), { prior, beta: 1 })
  const [second = 0] = topTwo.allocate(arms([5, 10], [3, 10]), { prior, beta: 1 })
  expect(first + second).toBeCloseTo(1, 12)
  expect(first).toBeLessThan(second)
})

it("always splits two arms by beta when one is certain, and three by who is second", () => {
  expect(topTwo.allocate(arms([9e6, 1e7], [10, 1e7]), { prior, beta: 0.7 })).toEqual([0.7, expect.closeTo(0.3, 12)])
  const [leader, runnerUp, last] = topTwo.allocate(arms([9e6, 1e7], [1000, 1e7], [10, 1e7]), { prior, beta: 0.7 })
  expect([leader, runnerUp, last]).toEqual([0.7, expect.closeTo(0.3, 9), expect.closeTo(0, 9)])
})

it("hands over smoothly to the runner-up rule as the leader becomes certain", () => {
  const shareOf = (successes: number): number =>
    topTwo.allocate(arms([successes, 1000], [60, 1000], [40, 1000]), { prior, beta: 0.5 })[1] ?? 0
  const shares = Array.from({ length: 60 }, (_, i) => shareOf(100 + 2 * i))
  shares.slice(1).forEach((share, i) => expect(Math.abs(share - (shares[i] ?? 0))).toBeLessThan(0.05))
})

describe("given a leader far ahead", () => {
  // By mpmath with 45 digits: panels of 14 Gauss-Legendre nodes in the log odds, half the least standard deviation high.
  it.each([
    [
      2.9e-6,
      [
        [300, 9700],
        [200, 9800],
        [190, 9810],
      ],
      [0, 0.92732405776302, 0.0726759422369796],
    ],
    [
      1.2e-16,
      [
        [50, 50],
        [3, 97],
        [6, 194],
      ],
      [0, 0.999999770217693, 2.29782307396059e-7],
    ],
    [
      5.7e-47,
      [
        [1200, 98_800],
        [600, 99_400],
        [580, 99_420],
      ],
      [0, 0.999784014760878, 0.000215985239122409],
    ],
  ] as const)("knows who is second to relative precision where the leader loses with %d", (_, posteriors, expected) => {
    const shares = challengersBeta(
      posteriors.map(([alpha, beta]) => ({ alpha, beta })),
      0,
    )
    shares.forEach((share, i) => {
      expect(Math.abs(share - (expected[i] ?? 0))).toBeLessThanOrEqual(1e-8 * (expected[i] ?? 0))
    })
  })

  /** Shares as `successes` of one arm grow by one click at a time; the clicks of the other two stay. */
  const sweep = (n: number, moved: number, from: number, steps: number, clicks: readonly number[]): number[][] =>
    Array.from({ length: steps }, (_, step) =>
      topTwo.allocate(arms(...clicks.map((sum, i) => [i === moved ? from + step : sum, n] as const)), {
        prior,
        beta: 0.5,
      }),
    )

  it.each([
    // The leader's certainty passes 1 - 1e-8 on the way, and in the last two rows e^-300.
    [1e3, 0, 110, 90, [0, 60, 50]],
    [1e5, 0, 1150, 200, [0, 1000, 990]],
    [1e7, 0, 102_400, 200, [0, 100_000, 99_900]],
    [1e7, 1, 99_900, 200, [102_550, 0, 99_990]],
    [1e7, 2, 99_900, 200, [102_550, 99_990, 0]],
    [1e4, 0, 1600, 300, [0, 800, 790]],
    [1e4, 1, 700, 100, [1900, 0, 790]],
  ] as const)(
    "moves no share by a jump when one click is added: n %d, arm %d from %d, %d steps",
    (n, moved, from, steps, clicks) => {
      const path = sweep(n, moved, from, steps, clicks)
      for (const arm of [0, 1, 2]) {
        const changes = path.slice(1).map((shares, i) => Math.abs((shares[arm] ?? 0) - (path[i]?.[arm] ?? 0)))
        changes.slice(1, -1).forEach((change, i) => {
          const neighbours = Math.max(changes[i] ?? 0, changes[i + 2] ?? 0)
          expect(change).toBeLessThanOrEqual(1.5 * neighbours + 1e-8)
        })
      }
    },
  )

  it("stays finite for any leader, however far ahead", () => {
    for (const leader of [
      [1e7, 1],
      [9e6, 1e6],
      [1e12, 1e3],
    ] as const) {
      const shares = challengersBeta(
        [leader, [1, 1e7], [2, 1e12], [1e-6, 1e3], [1, 1e4]].map(([alpha = 0, beta = 0]) => ({ alpha, beta })),
        0,
      )
      expect(shares.every((share) => share >= 0 && share <= 1)).toBe(true)
      expect(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1)).toBeLessThan(1e-12)
    }
  })
})
