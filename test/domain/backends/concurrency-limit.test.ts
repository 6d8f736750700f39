import * as fc from "fast-check"
import { expect, it } from "vitest"
import { ConcurrencyLimit } from "#src/domain/backends/concurrency-limit.ts"

it("lets as many in as it may, and the next when one has left", () => {
  const limit = new ConcurrencyLimit(2)
  expect([limit.enter(), limit.enter(), limit.enter(), limit.underWay]).toEqual([true, true, false, 2])
  limit.leave(false)
  expect([limit.enter(), limit.enter()]).toEqual([true, false])
})

it("falls by a tenth for each sign of overload, and rises by one for each limit's worth of answers", () => {
  const limit = new ConcurrencyLimit(100)
  const answered = (overloaded: boolean) => {
    limit.enter()
    limit.leave(overloaded)
  }
  answered(true)
  expect(limit.limit).toBe(90)
  for (let i = 0; i < 91; i++) answered(false)
  expect(limit.limit).toBe(91)
})

it("stays between a tenth of the most and the most, and counts who is in", () => {
  const events = fc.array(fc.constantFrom("enter", "answered", "overloaded"), { maxLength: 300 })
  fc.assert(
    fc.property(events, fc.integer({ min: 1, max: 64 }), (steps, most) => {
      const limit = new ConcurrencyLimit(most)
      let inside = 0
      for (const step of steps) {
        if (step === "enter") inside += limit.enter() ? 1 : 0
        else if (inside > 0) {
          inside--
          limit.leave(step === "overloaded")
        }
        expect(limit.underWay).toBe(inside)
        expect(inside).toBeLessThanOrEqual(most)
        expect(limit.limit).toBeGreaterThanOrEqual(Math.max(1, Math.floor(most / 10)))
        expect(limit.limit).toBeLessThanOrEqual(most)
      }
    }),
  )
})
