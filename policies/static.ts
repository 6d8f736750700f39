import * as z from "zod"
import { checkArms } from "./check-arms.ts"
import type { Policy } from "./policy.ts"
import { proportional } from "./shares.ts"

const params = z.strictObject({})

/** A/B test: the configured weights, whatever is learned. Equal shares when all weights are 0. */
export const staticSplit = {
  kind: "static",
  params,
  learns: false,
  allocate(arms) {
    checkArms(arms)
    return proportional(arms.map((arm) => arm.weight))
  },
} satisfies Policy<z.output<typeof params>>
