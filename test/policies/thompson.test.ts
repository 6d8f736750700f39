import { expect, it } from "vitest"
import { betaPosterior } from "#policies/beta-prior.ts"
import { thompson } from "#policies/thompson.ts"
import { arm, arms } from "./arms.ts"
import { knownAnswers } from "./known-answers.ts"

const uniform = { prior: { alpha: 1, beta: 1 } }

it.each(knownAnswers.thompson_action_probabilities.cases)("gives P(best) on $name", ({ posteriors, p_best }) => {
  const allocation = thompson.allocate(
    arms(...posteriors.map(([alpha, beta]) => [alpha - 1, alpha + beta - 2] as const)),
    uniform,
  )
  allocation.forEach((probability, i) => expect(Math.abs(probability - (p_best[i] ?? 0))).toBeLessThan(1e-9))
})

it("adds its prior to the counts, fractions of a count too", () => {
  expect(betaPosterior(arm({ n: 10.5, sum: 2.25 }), { alpha: 0.5, beta: 49.5 })).toEqual({ alpha: 2.75, beta: 57.75 })
})

it("counts more rewards than decisions as no failure, and less than nothing as no success", () => {
  expect(betaPosterior(arm({ n: 3, sum: 5 }), uniform.prior)).toEqual({ alpha: 6, beta: 1 })
  expect(betaPosterior(arm({ n: 3, sum: -2 }), uniform.prior)).toEqual({ alpha: 1, beta: 6 })
})

it("has the posterior of discounted Thompson sampling when its statistics are discounted", () => {
  const { gamma, events, S, F } = knownAnswers.discounted_ts
  const seen = [0, 1].map(() => ({ n: 0, sum: 0 }))
  for (const [played, reward] of events) {
    seen.forEach((one, i) => {
      one.n = gamma * one.n + (i === played ? 1 : 0)
      one.sum = gamma * one.sum + (i === played ? reward : 0)
    })
  }
  seen.forEach((one, i) => {
    const { alpha, beta } = betaPosterior(arm(one), uniform.prior)
    expect(alpha).toBeCloseTo(1 + (S[i] ?? 0), 12)
    expect(beta).toBeCloseTo(1 + (F[i] ?? 0), 12)
  })
})
