import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { delayAdditions, rewardAdditions } from "#src/domain/reward-additions.ts"
import { NOON, rewardEvent } from "#test/outcomes.ts"

const SECOND = NOON / 1000

describe("given what a reward's credit was worth before and after", () => {
  it("adds a new reward to the counter of its decision's second and to its group's row", () => {
    const event = rewardEvent({ decidedAt: NOON + 61_000, epoch: 5, group: 33, series: 2, variant: "challenger" })
    const key = { experiment: "banner-ctr", variant: "challenger", series: 2, metric: "click" }
    const delta = { count: 1, sum: 250_000, sumSq: 62_500_000 }
    expect(rewardAdditions(event, { before: undefined, after: 250_000 })).toEqual({
      counter: { key: { ...key, cohort: "learned", bucket: SECOND + 61 }, delta },
      group: { key: { ...key, epoch: 5, hour: SECOND, group: 33 }, delta: { ...delta, weighted: 0, allocated: 0 } },
    })
  })

  it("adds the difference where it replaces another", () => {
    const { counter, group } = rewardAdditions(rewardEvent(), { before: 1_000_000, after: -500_000 })
    const delta = { count: 0, sum: -1_500_000, sumSq: -750_000_000 }
    expect(counter?.delta).toEqual(delta)
    expect(group?.delta).toEqual({ ...delta, weighted: 0, allocated: 0 })
  })

  it("adds nothing where the credit is worth what it was", () => {
    for (const value of [undefined, 0, 700]) {
      expect(rewardAdditions(rewardEvent(), { before: value, after: value })).toEqual({
        counter: undefined,
        group: undefined,
      })
    }
  })

  it("counts a reward of zero", () => {
    expect(rewardAdditions(rewardEvent(), { before: undefined, after: 0 }).counter?.delta).toEqual({
      count: 1,
      sum: 0,
      sumSq: 0,
    })
  })

  it("keeps the holdout's in a counter of its own and out of the group rows", () => {
    const event = rewardEvent({ learn: false, holdout: true })
    const { counter, group } = rewardAdditions(event, { before: undefined, after: 1 })
    expect(counter?.key.cohort).toBe("holdout")
    expect(group).toBeUndefined()
  })

  it.each([{ status: "late" }, { learn: false }] as const)("adds nothing for a reward with %o", (facts) => {
    const additions = rewardAdditions(rewardEvent(facts), { before: undefined, after: 1 })
    expect(additions).toEqual({ counter: undefined, group: undefined })
  })

  it("takes away exactly what it had added, whatever the propensity and the values between", () => {
    const worth = fc.option(fc.integer({ min: -1_000_000, max: 1_000_000 }), { nil: undefined })
    const propensities = fc.integer({ min: 1, max: 1_000_000_000 }).map((nanos) => nanos / 1e9)
    fc.assert(
      fc.property(fc.array(worth, { maxLength: 8 }), propensities, (values, propensity) => {
        const event = rewardEvent({ stickiness: "request", propensity })
        const path = [undefined, ...values, undefined]
        const total = [0, 0, 0, 0]
        for (const [index, before] of path.slice(0, -1).entries()) {
          const delta = rewardAdditions(event, { before, after: path[index + 1] }).group?.delta
          const { count = 0, sum = 0, sumSq = 0, weighted = 0 } = delta ?? {}
          for (const [field, value] of [count, sum, sumSq, weighted].entries())
            total[field] = (total[field] ?? 0) + value
        }
        expect(total.map((sum) => sum + 0)).toEqual([0, 0, 0, 0])
      }),
    )
  })
})

describe("given a reward of an experiment that learns by expected maturation", () => {
  const event = rewardEvent({ delayWindowSeconds: 3_600 })
  const added = (before: number | undefined, after: number | undefined, of = event) => {
    const arrived = (seconds: number | undefined) => (seconds === undefined ? undefined : NOON + seconds * 1000)
    const additions = delayAdditions(of, { arrivedBefore: arrived(before), arrivedAfter: arrived(after) })
    return additions.map(({ key, delta }) => [key.metric, key.bucket, delta.count])
  }

  it("counts its credit once, by how long after the decision it came", () => {
    expect(added(undefined, 0.2)).toEqual([["click@3600.0", SECOND, 1]])
    expect(added(undefined, 60)).toEqual([["click@3600.12", SECOND, 1]])
    expect(added(undefined, 3_600)).toEqual([["click@3600.23", SECOND, 1]])
    expect(added(60, 60)).toEqual([])
  })

  it("moves it where an earlier reward turns up, and takes it back where it is worth nothing any more", () => {
    expect(added(3_000, 60)).toEqual([
      ["click@3600.23", SECOND, -1],
      ["click@3600.12", SECOND, 1],
    ])
    expect(added(60, undefined)).toEqual([["click@3600.12", SECOND, -1]])
  })

  it("counts none that isn't learned from, and none of other experiments", () => {
    expect(added(undefined, 60, rewardEvent({ delayWindowSeconds: 3_600, learn: false }))).toEqual([])
    expect(added(undefined, 60, rewardEvent({ delayWindowSeconds: 3_600, holdout: true, learn: false }))).toEqual([])
    expect(added(undefined, 60, rewardEvent({ delayWindowSeconds: 3_600, status: "late" }))).toEqual([])
    expect(added(undefined, 60, rewardEvent())).toEqual([])
  })
})
