import * as fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { creditPlace, packReward } from "#src/adapters/redis/packed-reward.ts"
import { Script } from "#src/adapters/redis/script.ts"
import { type Credit, creditStep } from "#src/domain/credits.ts"
import type { Aggregation, RewardEvent } from "#src/domain/events.ts"
import { NOON, rewardEvent } from "#test/outcomes.ts"
import { type RedisServer, startRedis } from "./redis-servers.ts"

/** Goes through a sequence of postbacks of one decision as a fold would, and says what each did. */
const SEQUENCE = `
local kept, answers = false, {}
for i = 1, #ARGV do
  local r = unpack_reward(ARGV[i])
  local credit = decode_credit(kept, r.aggregation)
  local function text(number) return number and string.format('%.0f', number) or '' end
  local known = is_known(credit, { shorten(r.id, r.prefix), r.at, r.value }, r.aggregation)
  local duplicate, changed, before, after, arrived_before, arrived_after = credit_step(credit, r)
  if changed then kept = encode_credit(credit, r.aggregation) end
  answers[i] = (duplicate and 'duplicate' or 'applied') .. ' ' .. text(before) .. ' ' .. text(after) .. ' '
    .. text(arrived_before) .. ' ' .. text(arrived_after) .. (known == duplicate and '' or ' seen otherwise')
end
return answers
`
const HOUR_MS = 3_600_000
const { source } = new Script("credits")

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

async function inLua(rewards: readonly RewardEvent[]): Promise<unknown> {
  const packed = rewards.map((reward) => packReward(reward, creditPlace(reward.decisionId), { credit: 1 }))
  return await server.admin.eval(source + SEQUENCE, 0, ...packed)
}

function inTypeScript(rewards: readonly RewardEvent[]): string[] {
  let credit: Credit | undefined
  return rewards.map((reward) => {
    const step = creditStep(credit, reward)
    credit = step.credit
    const start = NOON - (NOON % HOUR_MS)
    const arrived = [step.arrivedBefore, step.arrivedAfter].map((at) => (at === undefined ? undefined : at - start))
    return [step.answer, step.before, step.after, ...arrived].map((part) => part ?? "").join(" ")
  })
}

const DAY_MS = 24 * HOUR_MS
const late = { status: "late" } as const
const TABLE: readonly (readonly [string, readonly Parameters<typeof rewardEvent>[0][]])[] = [
  ["one reward", [{}]],
  ["a repeated postback", [{}, {}]],
  ["nothing, then something", [{ value: 0 }, { eventId: "b", at: NOON + 9_000 }]],
  ["something, then nothing", [{}, { value: 0, eventId: "b", at: NOON }]],
  ["an earlier one that comes later", [{ value: 0.5 }, { value: 0.25, at: NOON + 1, eventId: "b" }]],
  [
    "two at once, the greater first",
    [
      { value: 0.5, eventId: "a" },
      { value: 0.25, eventId: "b" },
    ],
  ],
  ["one that is late, then one that counts", [late, {}]],
  ["one that counts, then one that is late", [{}, { ...late, eventId: "b", at: NOON }]],
  ["one before its decision's hour", [{ at: NOON - 5_000 }, { value: 0.5, at: NOON - 6_000, eventId: "b" }]],
  ["one after two months", [{ at: NOON + 60 * DAY_MS }, { at: NOON + 61 * DAY_MS, value: 0.5, eventId: "b" }]],
  [
    "losses",
    [
      { value: -3, bound: 10 },
      { value: -4, bound: 10, eventId: "b" },
    ],
  ],
  ["more than the bound in all", [{ eventId: "a" }, { eventId: "b" }, { eventId: "c", value: -1 }]],
  ["ids with and without the usual beginning", [{ eventId: "q" }, { value: 0.5 }, { value: 0.1, eventId: "s" }, {}]],
]

describe.each<Aggregation>(["first", "last", "sum", "max"])("given rewards under %s", (aggregation) => {
  it.each(TABLE)("comes to the same in Lua and in TypeScript for %s", async (_, postbacks) => {
    const rewards = postbacks.map((postback) => rewardEvent({ ...postback, aggregation }))
    expect(await inLua(rewards)).toEqual(inTypeScript(rewards))
  })

  it("comes to the same in Lua and in TypeScript whatever the sequence", async () => {
    const postback = fc.record({
      eventId: fc.constantFrom("r-D1-click", "r-D1-click-v1", "r-D1-click-e~", "a", "s", "R"),
      value: fc.constantFrom(-1, 0, 0.0007, 0.333_333, 0.5, 1),
      at: fc.oneof(fc.integer({ min: NOON - 2, max: NOON + 3 }), fc.integer({ min: NOON, max: NOON + 90 * DAY_MS })),
      status: fc.constantFrom("applied" as const, "applied" as const, "late" as const),
      learn: fc.constantFrom(true, true, false),
      holdout: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(postback, { minLength: 1, maxLength: 12 }), async (postbacks) => {
        const rewards = postbacks.map((one) => rewardEvent({ ...one, aggregation }))
        expect(await inLua(rewards)).toEqual(inTypeScript(rewards))
      }),
      { numRuns: 300 },
    )
  })

  it("keeps the earliest of more postbacks than one decision takes", async () => {
    const rewards = Array.from({ length: 1_010 }, (_, index) =>
      rewardEvent({ aggregation, eventId: `e${index}`, value: 0.001, at: NOON + ((index * 7_919) % 1_010) }),
    )
    expect(await inLua(rewards)).toEqual(inTypeScript(rewards))
  })
})
