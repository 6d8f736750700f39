import { expect, it } from "vitest"
import { epsilonGreedy } from "#policies/epsilon-greedy.ts"
import { arm, arms } from "./arms.ts"
import { knownAnswers } from "./known-answers.ts"

it.each(knownAnswers.vw_epsilon_greedy.cases)(
  "gives $out for epsilon $eps and greedy $greedy",
  ({ eps, K, greedy, out }) => {
    const list = Array.from({ length: K }, (_, i) => arm({ id: String(i), n: 10, sum: greedy.includes(i) ? 5 : 1 }))
    const allocation = epsilonGreedy.allocate(list, { epsilon: eps })
    allocation.forEach((probability, i) => expect(probability).toBeCloseTo(out[i] ?? 0, 12))
  },
)

it("explores a tenth by default and counts the best arm in", () => {
  const expected = knownAnswers.expected_allocation.find(({ policy }) => policy === "epsilon-greedy")
  const allocation = epsilonGreedy.allocate(arms([9, 10], [1, 10], [1, 10], [1, 10], [1, 10]), {})
  expect(allocation[0]).toBeCloseTo(expected?.best_arm_share_limit ?? 0, 12)
  expect(allocation[4]).toBeCloseTo(expected?.each_other ?? 0, 12)
})

it("tries arms without a matured decision first", () => {
  const list = [...arms([9, 10]), arm({ id: "new", pending: 3 })]
  expect(epsilonGreedy.allocate(list, { epsilon: 0 })).toEqual([0, 1])
})

it("explores min(1, c / n) under decay, n with open decisions", () => {
  const list = [arm({ n: 300, sum: 30, pending: 100 }), arm({ id: "b", n: 400, sum: 20, pending: 200 })]
  expect(epsilonGreedy.allocate(list, { decay: 100 })).toEqual([expect.closeTo(0.95, 12), expect.closeTo(0.05, 12)])
  expect(epsilonGreedy.allocate(list, { decay: 1000 })).toEqual([0.5, 0.5])
  expect(epsilonGreedy.allocate(list, { decay: 1001 })).toEqual([0.5, 0.5])
})
