import * as z from "zod"
import { checkArms } from "./check-arms.ts"
import type { Policy } from "./policy.ts"
import { onLargest } from "./shares.ts"

const DEFAULT_EPSILON = 0.1

const params = z
  .strictObject({
    epsilon: z.number().min(0).max(1).optional().describe("Share that explores, 0.1 unless `decay` is given"),
    decay: z.number().min(0).max(1e15).optional().describe("c of a falling share min(1, c / n), n decisions so far"),
  })
  .refine((given) => given.epsilon === undefined || given.decay === undefined, {
    path: ["decay"],
    message: "Give `epsilon` or `decay`, not both",
  })

/**
 * Explores with probability ε, all arms alike, the best one included; otherwise the arm with the largest mean.
 *
 * Arms without data come first; equal means share. With `decay` ε = min(1, c / n) where n counts all decisions, open ones too: the
 * c K / (d² t) of Auer et al. (2002), Machine Learning 47:235, with c for their cK / d².
 */
export const epsilonGreedy = {
  kind: "epsilon-greedy",
  params,
  shorthand: "epsilon",
  countsPending: ({ decay }) => decay !== undefined,
  allocate(arms, { epsilon, decay }) {
    checkArms(arms)
    const decisions = arms.reduce((sum, arm) => sum + arm.n + arm.pending, 0)
    const share = decay === undefined ? (epsilon ?? DEFAULT_EPSILON) : decisions > decay ? decay / decisions : 1
    const greedy = onLargest(arms.map((arm) => (arm.n > 0 ? arm.sum / arm.n : Infinity)))
    return greedy.map((probability) => share / arms.length + (1 - share) * probability)
  },
} satisfies Policy<z.output<typeof params>>
