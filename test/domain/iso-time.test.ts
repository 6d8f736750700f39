import * as fc from "fast-check"
import { expect, it } from "vitest"
import { isoTime } from "#src/domain/iso-time.ts"

const FIRST = Date.parse("0000-01-01T00:00:00.000Z")
const LAST = Date.parse("9999-12-31T23:59:59.999Z")

it("writes what a date writes", () => {
  const edges = fc.constantFrom(FIRST, LAST, -1, 0, 1, 59_999, 60_000, 86_399_999, 86_400_000)
  fc.assert(
    fc.property(fc.oneof(edges, fc.integer({ min: FIRST, max: LAST })), (ms) => {
      expect(isoTime(ms)).toBe(new Date(ms).toISOString())
    }),
  )
})

it("does so in more minutes than it keeps the text of", () => {
  const times = Array.from({ length: 51_000 }, (_, minute) => minute * 60_000)
  expect(times.map((ms) => isoTime(ms))).toEqual(times.map((ms) => new Date(ms).toISOString()))
  expect(isoTime(0)).toBe("1970-01-01T00:00:00.000Z")
})
