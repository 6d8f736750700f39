import { describe, expect, it } from "vitest"
import { RewardedDecisions } from "#src/app/rewarded-decisions.ts"
import { createDecisionIds } from "#src/domain/decision-id.ts"
import { NOON, rewardEvent } from "#test/outcomes.ts"

/** Ids from a generator with a seed (xorshift). */
function seededIds() {
  let state = 42
  return createDecisionIds((target) => {
    for (let i = 0; i < target.length; i++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      target[i] = state & 255
    }
  })
}

describe("given decisions made since it began to remember", () => {
  it("knows that one is rewarded for the first time, and later that it was before", () => {
    const rewarded = new RewardedDecisions(NOON)
    const id = seededIds()(NOON)
    expect(rewarded.add(id, NOON + 1)).toBe(false)
    expect(rewarded.add(id, NOON + 2)).toBe(true)
  })

  it("takes few for rewarded that aren't, and never one that was for another", () => {
    const rewarded = new RewardedDecisions(NOON)
    const newId = seededIds()
    const ids = Array.from({ length: 100_000 }, () => newId(NOON))
    expect(ids.filter((id) => rewarded.add(id, NOON)).length).toBeLessThan(100)
    expect(ids.every((id) => rewarded.add(id, NOON))).toBe(true)
  })
})

it("can't tell of a decision made before, of one from the future, nor of an id that says no time", () => {
  const rewarded = new RewardedDecisions(NOON)
  expect(rewarded.add(seededIds()(NOON - 1), NOON)).toBe(true)
  expect(rewarded.add(seededIds()(NOON + 1), NOON)).toBe(true)
  expect(rewarded.add(rewardEvent({ decisionId: "D1" }).decisionId, NOON)).toBe(true)
})

it("begins anew when it is full, and can't tell of decisions made before that", () => {
  const rewarded = new RewardedDecisions(NOON, 1_000)
  const newId = seededIds()
  const first = newId(NOON)
  expect(rewarded.add(first, NOON)).toBe(false)
  for (let i = 1; i < 1_000; i++) rewarded.add(newId(NOON), NOON)
  expect(rewarded.add(newId(NOON + 1), NOON + 1)).toBe(false)
  expect(rewarded.add(first, NOON + 2)).toBe(true)
  expect(rewarded.add(newId(NOON), NOON + 2)).toBe(true)
})
