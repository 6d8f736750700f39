import * as fc from "fast-check"
import { expect, it } from "vitest"
import { packRewards, unpackRewards } from "#src/adapters/sqlite/packed-rewards.ts"
import { NOON, rewardEvent } from "#test/outcomes.ts"

/** Few values of what rewards share, so that kinds come back and alternate; anything in the rest. */
const reward = fc
  .record(
    {
      decisionId: fc.string({ minLength: 1 }),
      eventId: fc.string({ minLength: 1 }),
      variant: fc.constantFrom("champion", "challenger"),
      metric: fc.constantFrom("click", "revenue"),
      experiment: fc.constantFrom("banner-ctr", "other"),
      series: fc.constantFrom(1, 2),
      epoch: fc.constantFrom(1, 2),
      group: fc.integer({ min: 0, max: 63 }),
      propensity: fc.double({ min: 0.001, max: 1, noNaN: true }),
      stickiness: fc.constantFrom("unit", "request"),
      status: fc.constantFrom("applied", "late"),
      aggregation: fc.constantFrom("first", "last", "sum", "max"),
      learn: fc.boolean(),
      holdout: fc.boolean(),
      value: fc.double({ min: -1, max: 1, noNaN: true }),
      bound: fc.constantFrom(1, 10),
      delayWindowSeconds: fc.constantFrom(60, 3_600),
      decidedAt: fc.constantFrom(NOON, NOON + 1),
      at: fc.integer({ min: NOON, max: NOON + 1_000_000 }),
    },
    { requiredKeys: ["decisionId", "eventId"] },
  )
  .map(rewardEvent)

it("reads back what the counters depend on, in order", () => {
  fc.assert(
    fc.property(fc.array(reward, { maxLength: 20 }), (rewards) => {
      const expected = rewards.map(({ v: _v, type: _type, revision: _revision, ...counted }) => counted)
      expect(unpackRewards(structuredClone(packRewards(rewards)))).toStrictEqual(expected)
    }),
  )
})

it("says once what rewards of a variant have in common", () => {
  const rewards = Array.from({ length: 10 }, (_, index) =>
    rewardEvent({ decisionId: `D${index}`, group: index, variant: index % 2 === 0 ? "champion" : "challenger" }),
  )
  expect(packRewards(rewards).kinds).toHaveLength(2)
})
