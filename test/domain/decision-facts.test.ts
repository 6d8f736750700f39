import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { allocatedAdditions, counterAdditions, DecisionReader, groupAdditions } from "#src/domain/decision-facts.ts"
import { decisionEvent, NOON } from "#test/outcomes.ts"

const SECOND = NOON / 1000
const NOTHING = { count: 0, sum: 0, sumSq: 0, weighted: 0, allocated: 0 }

function choiceOf(decision: Parameters<typeof decisionEvent>[0]) {
  const { choice } = new DecisionReader().facts(decisionEvent(decision))
  if (choice === undefined) throw new Error("the decision leaves nothing")
  return choice
}

describe("given logged decisions", () => {
  it("reads what counters need of one", () => {
    const event = decisionEvent({ group: 9, decidedAt: NOON + 1_500, unit: "a-unit", error: "timeout" })
    expect(new DecisionReader().facts(event)).toMatchObject({
      experiment: "banner-ctr",
      second: SECOND + 1,
      group: 9,
      unit: "a-unit",
      failed: true,
      choice: { cohort: "learned", variant: "champion", series: 1, propensityNanos: 500_000_000, weighted: false },
    })
  })

  it("makes one object of choices that were made alike, and one allocation for all choices of it", () => {
    const reader = new DecisionReader()
    const read = (decision: Parameters<typeof decisionEvent>[0]) => reader.facts(decisionEvent(decision)).choice
    const choice = read({ decisionId: "D1" })
    expect(read({ decisionId: "D2", group: 3, decidedAt: NOON + 9_000 })).toBe(choice)
    const challenger = read({ variant: "challenger" })
    expect(challenger).not.toBe(choice)
    expect(challenger?.allocation).toBe(choice?.allocation)
    const others = [
      { allocation: { champion: 0.6, challenger: 0.4 } },
      { epoch: 2 },
      { series: 2 },
      { stickiness: "request" },
      { propensity: 0.4 },
      { learn: false },
      { experiment: "other" },
      { seriesByVariant: { challenger: 3 } },
    ] as const
    for (const other of others) expect(read(other)).not.toBe(choice)
  })

  it.each(["forced", "paused"] as const)("leaves nothing of one that was %s", (reason) => {
    const event = decisionEvent({ reason, learn: false, propensity: 1, allocation: { champion: 1 } })
    expect(new DecisionReader().facts(event).choice).toBeUndefined()
  })

  it("knows every variant's own series", () => {
    const { allocation } = choiceOf({ series: 4, seriesByVariant: { challenger: 2 } })
    expect(allocation.variants).toEqual([
      { variant: "champion", series: 4, nanos: 500_000_000 },
      { variant: "challenger", series: 2, nanos: 500_000_000 },
    ])
  })
})

describe("given decisions that were counted together", () => {
  it("adds them to the counter of their second, and their failures to that of the error metric", () => {
    const key = { experiment: "banner-ctr", cohort: "learned", variant: "champion", series: 1, bucket: SECOND }
    expect(counterAdditions(choiceOf({}), SECOND, { count: 5, failed: 0 })).toEqual([
      { key: { ...key, metric: "" }, delta: { count: 5, sum: 0, sumSq: 0 } },
    ])
    expect(counterAdditions(choiceOf({}), SECOND, { count: 5, failed: 2 })).toEqual([
      { key: { ...key, metric: "" }, delta: { count: 5, sum: 0, sumSq: 0 } },
      { key: { ...key, metric: "error" }, delta: { count: 2, sum: 2_000_000, sumSq: 2_000_000_000 } },
    ])
  })

  it("weighs them by the inverse of their propensity under stickiness request, and not else", () => {
    const key = {
      experiment: "banner-ctr",
      variant: "champion",
      series: 1,
      metric: "",
      epoch: 3,
      hour: SECOND,
      group: 8,
    }
    const request = choiceOf({ epoch: 3, stickiness: "request", propensity: 0.3 })
    expect(groupAdditions(request, SECOND, 8, { count: 2, failed: 1 })).toEqual([
      { key, delta: { ...NOTHING, count: 2, weighted: 6_666_666 } },
      {
        key: { ...key, metric: "error" },
        delta: { ...NOTHING, count: 1, sum: 1_000_000, sumSq: 1_000_000_000, weighted: 3_333_333 },
      },
    ])
    const unit = choiceOf({ epoch: 3, stickiness: "unit", propensity: 0.3 })
    expect(groupAdditions(unit, SECOND, 8, { count: 2, failed: 0 })).toEqual([{ key, delta: { ...NOTHING, count: 2 } }])
  })

  it("adds the probability of every variant that could have been chosen, and of no other", () => {
    const { allocation } = choiceOf({ allocation: { champion: 0.25, challenger: 0.75, off: 0 } })
    expect(allocatedAdditions(allocation, SECOND, 8, 4)).toMatchObject([
      { key: { variant: "champion", group: 8, hour: SECOND }, delta: { ...NOTHING, allocated: 1_000_000_000 } },
      { key: { variant: "challenger" }, delta: { ...NOTHING, allocated: 3_000_000_000 } },
    ])
  })

  it("adds up to the same as the decisions one by one", () => {
    const counts = fc.record({ count: fc.integer({ min: 1, max: 50 }), failed: fc.nat(50) })
    const propensities = fc.integer({ min: 10_000, max: 1_000_000_000 }).map((nanos) => nanos / 1e9)
    fc.assert(
      fc.property(counts, propensities, ({ count, failed: failures }, propensity) => {
        // Exact while a lot's weight is below 2^53: from a propensity of count * 1.1e-7 on.
        fc.pre(propensity > count * 1.2e-7)
        const choice = choiceOf({ stickiness: "request", propensity })
        const failed = Math.min(count, failures)
        const weightOf = (additions: ReturnType<typeof groupAdditions>) =>
          additions.reduce((sum, { delta }) => sum + BigInt(delta.weighted), 0n)
        const together = weightOf(groupAdditions(choice, SECOND, 1, { count, failed }))
        const singly = Array.from({ length: count }, (_, index) =>
          weightOf(groupAdditions(choice, SECOND, 1, { count: 1, failed: index < failed ? 1 : 0 })),
        ).reduce((sum, weight) => sum + weight, 0n)
        expect(together).toBe(singly)
      }),
    )
  })
})
