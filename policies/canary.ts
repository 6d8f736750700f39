import * as z from "zod"
import { checkArms } from "./check-arms.ts"
import type { Policy } from "./policy.ts"
import { proportional } from "./shares.ts"

const params = z.strictObject({
  challenger: z.string().min(1).describe("Id of the variant on trial"),
  share: z.number().min(0).max(1).describe("Its share of the traffic"),
})

/**
 * A fixed share to the challenger, the rest in proportion to the weights of the others.
 *
 * While the challenger is disabled the others have everything; when it is alone it has.
 */
export const canary = {
  kind: "canary",
  params,
  namedArms: ["challenger"],
  learns: false,
  allocate(arms, { challenger, share }) {
    checkArms(arms)
    const others = arms.filter((arm) => arm.id !== challenger)
    if (others.length === 0) return [1]
    const given = others.length === arms.length ? 0 : share
    const rest = proportional(others.map((arm) => arm.weight))
    let next = 0
    return arms.map((arm) => (arm.id === challenger ? given : (1 - given) * (rest[next++] ?? 0)))
  },
} satisfies Policy<z.output<typeof params>>
