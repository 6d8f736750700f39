import { describe, expect, it } from "vitest"
import { probabilityBestStudentT } from "#policies/probability-best.ts"
import { meanMarginal, normalInverseGammaPosterior, priorFrom, thompsonGaussian } from "#policies/thompson-gaussian.ts"
import { arm } from "./arms.ts"
import { knownAnswers, relativeError, TWELVE_DIGITS } from "./known-answers.ts"
import { revenueRun } from "./revenue-run.ts"

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

describe("given no prior", () => {
  const pooled = { prior: { kappa: 1 } }
  const lists = [
    [1, 2, 4, 8],
    [2, 3, 3, 5, 9],
    [0, 0, 1, 7],
  ]
  const shares = (change: (reward: number) => number) =>
    thompsonGaussian.allocate(
      lists.map((rewards) => armOf(rewards.map(change))),
      pooled,
    )
  const worst = (actual: readonly number[], expected: readonly number[]): number =>
    Math.max(...actual.map((share, i) => Math.abs(share - (expected[i] ?? Number.NaN))))

  it("takes mean and variance from all arms, the variance with the weight of an average arm", () => {
    const arms = [arm({ n: 4, sum: 4, sumSq: 8 }), arm({ id: "b", n: 8, sum: 14, sumSq: 34 })]
    // Pooled mean 18 / 12, mean square 42 / 12: variance 1.25; 12 decisions of 2 arms: alpha 3.
    expect(priorFrom(arms, { kappa: 1 })).toEqual({ mean: 1.5, kappa: 1, alpha: 3, beta: 3.75 })
    expect(priorFrom(arms, { kappa: 2, mean: 7, alpha: 4 })).toEqual({ mean: 7, kappa: 2, alpha: 4, beta: 5 })
    expect(priorFrom(arms, { kappa: 1, beta: 9 })).toEqual({ mean: 1.5, kappa: 1, alpha: 1, beta: 9 })
    expect(priorFrom(arms, prior)).toEqual(prior)
  })

  it("gives the pooled variance the weight of 1 to 1,000 decisions", () => {
    const alphaOf = (n: number) => priorFrom([arm({ n, sum: n / 2 }), arm({ id: "b" })], { kappa: 1 })?.alpha
    expect([alphaOf(2), alphaOf(400), alphaOf(1e7)]).toEqual([1, 100, 500])
  })

  it("allocates alike in dollars and in cents, in thousands and with rewards below 0", () => {
    const dollars = shares((reward) => reward)
    const changed = (change: (reward: number) => number): number => worst(shares(change), dollars)
    expect(changed((reward) => 100 * reward)).toBeLessThan(1e-12)
    expect(changed((reward) => reward / 1024)).toBeLessThan(1e-12)
    expect(changed((reward) => reward - 50)).toBeLessThan(1e-9)
    expect(changed((reward) => reward + 1000)).toBeLessThan(1e-6)
  })

  it("shares equally while all rewards are the same", () => {
    for (const value of [0, 0.1, -7, 1e9]) {
      const same = [armOf([value, value, value]), armOf([value]), arm()]
      expect(worst(thompsonGaussian.allocate(same, pooled), [1 / 3, 1 / 3, 1 / 3])).toBeLessThan(1e-9)
    }
  })

  it("gives a newcomer a fair share beside veterans, whatever their mean", () => {
    const veteran = (id: string, mean: number) => arm({ id, n: 1e6, sum: 1e6 * mean, sumSq: 1e6 * (mean * mean + 4) })
    for (const mean of [0, 50, -3]) {
      const [, , newcomer] = thompsonGaussian.allocate(
        [veteran("a", mean), veteran("b", mean + 0.1), arm({ id: "c" })],
        pooled,
      )
      expect(newcomer).toBeGreaterThan(0.3)
      expect(newcomer).toBeLessThan(0.7)
    }
  })

  it("does not lock in on the worse variant where 1 % and 1.5 % of decisions are worth $10", () => {
    // Of 400 runs with the prior (0, 1, 1, 1) and a refresh every 100 decisions 12 % gave the better variant less than half.
    const runs = Array.from({ length: 30 }, (_, seed) =>
      revenueRun((list) => thompsonGaussian.allocate(list, pooled), { seed: String(seed), refresh: 100 }),
    )
    expect(Math.min(...runs.map((run) => run.lateShare))).toBeGreaterThan(0.5)
    const regret = runs.reduce((sum, run) => sum + run.regret, 0) / runs.length
    // 173 on average with a standard deviation of about 190 a run: four standard errors of 30 runs.
    expect(regret).toBeLessThan(173 + (4 * 190) / Math.sqrt(30))
  })
})
