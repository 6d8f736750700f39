import { expect, it } from "vitest"
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
