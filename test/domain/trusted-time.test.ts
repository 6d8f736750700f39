import * as fc from "fast-check"
import { expect, it } from "vitest"
import { TrustedTime } from "#src/domain/trusted-time.ts"
import { NOON } from "#test/outcomes.ts"

const DAY_MS = 86_400_000

it("goes with a wall clock that goes right", () => {
  const time = new TrustedTime(NOON, 5_000)
  expect(time.advance(NOON + 1_000, 6_000)).toBe(NOON + 1_000)
  expect(time.at).toBe(NOON + 1_000)
})

it("moves by a minute while a clock is 70 days ahead for half a minute, and says no more than the clock once it is back", () => {
  const time = new TrustedTime(NOON, 0)
  expect(time.advance(NOON + 70 * DAY_MS, 15_000)).toBe(NOON + 30_000)
  expect(time.advance(NOON + 70 * DAY_MS + 15_000, 30_000)).toBe(NOON + 60_000)
  expect(time.advance(NOON + 30_000, 30_000)).toBe(NOON + 30_000)
  expect(time.at).toBe(NOON + 60_000)
})

it("catches up with the wall clock after a stop, twice as fast as time goes by", () => {
  const time = new TrustedTime(NOON - 10 * DAY_MS, 0)
  expect(time.advance(NOON, 0)).toBe(NOON - 10 * DAY_MS)
  expect(time.advance(NOON + DAY_MS, DAY_MS)).toBe(NOON - 8 * DAY_MS)
  expect(time.advance(NOON + 10 * DAY_MS, 10 * DAY_MS)).toBe(NOON + 10 * DAY_MS)
})

it("never goes back, and never faster than twice the monotonic clock, whatever the wall clock does", () => {
  const readings = fc.array(
    fc.record({ wall: fc.integer({ min: 0, max: 1e13 }), passed: fc.integer({ min: -50, max: 1e9 }) }),
  )
  fc.assert(
    fc.property(readings, (all) => {
      const time = new TrustedTime(NOON, 0)
      let monotonic = 0
      let most = 0
      for (const { wall, passed } of all) {
        const before = time.at
        monotonic += passed
        const gone = Math.max(0, monotonic - most)
        most = Math.max(most, monotonic)
        const surely = time.advance(wall, monotonic)
        expect(surely).toBeLessThanOrEqual(wall)
        expect(surely).toBeLessThanOrEqual(time.at)
        expect(time.at).toBeGreaterThanOrEqual(before)
        expect(time.at).toBeLessThanOrEqual(before + 2 * gone)
      }
    }),
  )
})
