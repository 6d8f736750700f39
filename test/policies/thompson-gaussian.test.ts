import { expect, it } from "vitest"
import { probabilityBestStudentT } from "#policies/probability-best.ts"
import { meanMarginal, normalInverseGammaPosterior, thompsonGaussian } from "#policies/thompson-gaussian.ts"
import { arm } from "./arms.ts"
import { knownAnswers, relativeError, TWELVE_DIGITS } from "./known-answers.ts"

const prior = { mean: 0, kappa: 1, alpha: 1, beta: 1 }

function armOf(rewards: readonly number[]) {
  const sum = rewards.reduce((total, reward) => total + reward, 0)
  return arm({ n: rewards.length, sum, sumSq: rewards.reduce((total, reward) => total + reward * reward, 0) })
}

it.each(knownAnswers.normal_inverse_gamma.cases)(
  "knows the posterior and the mean's Student t after $data",
  (known) => {
    const posterior = normalInverseGammaPosterior(armOf(known.data), prior)
    const { mu, kappa, alpha, beta } = known.posterior
    const pairs = [
      [posterior.mean, mu],
      [posterior.kappa, kappa],
      [posterior.alpha, alpha],
      [posterior.beta, beta],
    ] as const
    for (const [actual, expected] of pairs) expect(relativeError(actual, expected)).toBeLessThan(TWELVE_DIGITS)
    const marginal = meanMarginal(posterior)
    expect(marginal.degrees).toBe(known.df)
    expect(relativeError(marginal.scale, known.scale)).toBeLessThan(TWELVE_DIGITS)
    // An arm that is 1 for certain, as nearly as may be.
    const [above = 0] = probabilityBestStudentT([marginal, { location: 1, scale: 1e-11, degrees: Infinity }])
    expect(Math.abs(above - known.p_mean_gt_1)).toBeLessThan(1e-9)
  },
)

it("keeps the prior without data", () => {
  expect(normalInverseGammaPosterior(arm(), prior)).toEqual(prior)
})

it("survives a sum of squares that rounding left below the square of the sum", () => {
  const rounded = arm({ n: 1e7, sum: 1e11, sumSq: 1e15 * (1 - 1e-12) })
  expect(normalInverseGammaPosterior(rounded, prior).beta).toBeGreaterThan(1)
  const allocation = thompsonGaussian.allocate([rounded, arm({ id: "b", n: 1e7, sum: 1e11, sumSq: 1e15 })], { prior })
  expect(allocation.every((probability) => probability >= 0)).toBe(true)
})

it("prefers the arm whose rewards are larger, negative ones too", () => {
  const allocation = thompsonGaussian.allocate([armOf([-3, -2, -4]), armOf([-1, -2, -1]), armOf([-9, -8, -9])], {
    prior,
  })
  expect(allocation[1]).toBeGreaterThan(allocation[0] ?? 1)
  expect(allocation[0]).toBeGreaterThan(allocation[2] ?? 1)
})
