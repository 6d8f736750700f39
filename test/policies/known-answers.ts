import { readFileSync } from "node:fs"
import * as z from "zod"

const numbers = z.array(z.number())
const cases = <Shape extends z.ZodRawShape>(shape: Shape) => z.object({ cases: z.array(z.object(shape)) })

const schema = z.object({
  beta_two_arm: cases({ a1: z.number(), b1: z.number(), a2: z.number(), b2: z.number(), p_first_greater: z.number() }),
  thompson_action_probabilities: cases({
    name: z.string(),
    posteriors: z.array(z.tuple([z.number(), z.number()])),
    p_best: numbers,
    top_two_beta05: numbers,
    mix_floor_002: numbers,
  }).extend({ exact: z.object({ p_best: numbers }) }),
  normal_inverse_gamma: cases({
    data: numbers,
    posterior: z.object({ mu: z.number(), kappa: z.number(), alpha: z.number(), beta: z.number() }),
    df: z.number(),
    scale: z.number(),
    p_mean_gt_1: z.number(),
  }),
  gaussian_p_best: z.array(z.object({ mu: numbers, sd: numbers, p_best: numbers })),
  vw_epsilon_greedy: cases({ eps: z.number(), K: z.number(), greedy: numbers, out: numbers }),
  softmax: z.array(
    z.object({
      scale: z.number().optional(),
      scores: numbers.optional(),
      tau: z.number().optional(),
      means: numbers.optional(),
      out: numbers,
    }),
  ),
  index_policies: cases({
    successes: numbers,
    pulls: numbers,
    ucb1: numbers,
    ucb1_tuned: numbers,
    kl_ucb: numbers,
  }),
  kl_bernoulli: cases({ p: z.number(), q: z.number(), kl: z.number() }),
  discounted_ts: z.object({
    gamma: z.number(),
    events: z.array(z.tuple([z.number(), z.number()])),
    S: numbers,
    F: numbers,
  }),
  special_functions: z.object({ lgamma: z.array(z.object({ x: z.number(), v: z.number() })) }),
  expected_allocation: z.array(
    z.object({ policy: z.string(), best_arm_share_limit: z.number().optional(), each_other: z.number().optional() }),
  ),
  lai_robbins: cases({ means: numbers, constant: z.number() }),
})

const file = new URL("../fixtures/policies/known_answers.json", import.meta.url)

/** The sections of the known answers that policies are about. */
export const knownAnswers = schema.parse(JSON.parse(readFileSync(file, "utf8")))

/** How many significant digits the file carries, as a relative tolerance for `relativeError`. */
export const TWELVE_DIGITS = 1e-11

/** |actual - expected| relative to the expected value, absolute where that is below `scale`. */
export function relativeError(actual: number, expected: number, scale = 1e-3): number {
  return Math.abs(actual - expected) / Math.max(Math.abs(expected), scale)
}
