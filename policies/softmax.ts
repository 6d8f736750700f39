import * as z from "zod"
import { checkArms } from "./check-arms.ts"
import type { Policy } from "./policy.ts"
import { proportional } from "./shares.ts"

const params = z.strictObject({
  temperature: z
    .number()
    .min(1e-9)
    .max(1e9)
    .default(0.1)
    .describe("In units of the reward: high is uniform, low is greedy"),
})

/**
 * Boltzmann exploration: shares in proportion to e^{mean / temperature}. An arm without data counts as the best, so that it is tried.
 *
 * Source: Sutton and Barto, Reinforcement Learning, section 2.
 */
export const softmax = {
  kind: "softmax",
  params,
  shorthand: "temperature",
  allocate(arms, { temperature }) {
    checkArms(arms)
    const means = arms.map((arm) => (arm.n > 0 ? arm.sum / arm.n : undefined))
    const best = Math.max(...means.filter((mean) => mean !== undefined))
    return proportional(means.map((mean) => (mean === undefined ? 1 : Math.exp((mean - best) / temperature))))
  },
} satisfies Policy<z.output<typeof params>>
