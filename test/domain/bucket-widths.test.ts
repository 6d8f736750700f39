import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { bucketAt, daySpanAt, groupSpanAt, WIDTHS, widthSteps } from "#src/domain/bucket-widths.ts"
import { NOON } from "#test/outcomes.ts"

const NOW = NOON / 1000
const DAY = 86_400

describe("given what an experiment remembers", () => {
  it("follows only the age where everything is alike", () => {
    expect(widthSteps()).toEqual([
      { width: 10, afterSeconds: 60 },
      { width: 60, afterSeconds: 600 },
      { width: 600, afterSeconds: 21_600 },
      { width: 3_600, afterSeconds: 172_800 },
    ])
  })

  it("stays a sixtieth of the maturation wide until decisions have closed", () => {
    const steps = widthSteps({
      memorySeconds: undefined,
      forgottenAfterSeconds: undefined,
      maturationSeconds: 30 * DAY,
    })
    expect(steps).toEqual(widthSteps())
    const hour = widthSteps({ memorySeconds: undefined, forgottenAfterSeconds: undefined, maturationSeconds: 3_600 })
    expect(hour).toEqual(widthSteps())
    const ten = widthSteps({ memorySeconds: undefined, forgottenAfterSeconds: undefined, maturationSeconds: 1_200 })
    expect(ten[1]).toEqual({ width: 60, afterSeconds: 1_200 })
  })

  it("stays a sixtieth of a window wide until it is forgotten, which is counted from the closing", () => {
    const steps = widthSteps({ memorySeconds: 1_800, forgottenAfterSeconds: 1_800, maturationSeconds: 7 * DAY })
    const forgotten = 7 * DAY + 1_800
    expect(steps).toEqual([
      { width: 10, afterSeconds: 60 },
      { width: 60, afterSeconds: forgotten },
      { width: 600, afterSeconds: forgotten },
      { width: 3_600, afterSeconds: forgotten },
    ])
  })

  it("never gets wider than a sixtieth of what is never forgotten", () => {
    const steps = widthSteps({ memorySeconds: 86_400, forgottenAfterSeconds: undefined, maturationSeconds: 0 })
    expect(steps.map(({ width }) => width)).toEqual([10, 60, 600])
  })

  it("has at most 768 buckets in the last three days, and 24 in each before, where everything is alike", () => {
    // Seconds for a minute, tens for ten minutes and so on, and of each width what waits for a wider bucket to be old as a whole.
    const most = 60 + 54 + 350 + 252 + 24 + (9 + 5 + 9 + 5)
    fc.assert(
      fc.property(fc.nat(DAY), fc.integer({ min: 4, max: 400 }), (later, days) => {
        const now = NOW + later
        const begins: number[] = []
        for (let second = now - days * DAY; second <= now; ) {
          const { bucket, width } = bucketAt(second, now, widthSteps())
          begins.push(bucket)
          second = bucket + width
        }
        const young = begins.filter((begin) => begin > now - 3 * DAY).length
        expect(young).toBeLessThanOrEqual(most)
        expect(begins.length - young).toBeLessThanOrEqual(24 * (days - 3) + 1)
      }),
    )
  })

  it("is never wider than a sixtieth of either while it matters, whatever they are", () => {
    const seconds = fc.integer({ min: 1, max: 40 * DAY })
    const resolutions = fc.record({
      memorySeconds: fc.option(seconds, { nil: undefined }),
      forgottenAfterSeconds: fc.option(seconds, { nil: undefined }),
      maturationSeconds: fc.oneof(fc.constant(0), seconds),
    })
    fc.assert(
      fc.property(resolutions, fc.nat(90 * DAY), (resolution, age) => {
        const { memorySeconds, forgottenAfterSeconds = Infinity, maturationSeconds } = resolution
        const { bucket, width } = bucketAt(NOW - age, NOW, widthSteps(resolution))
        expect(WIDTHS).toContain(width)
        expect(bucket % width).toBe(0)
        expect(bucket <= NOW - age && NOW - age < bucket + width).toBe(true)
        const youngest = NOW - bucket - width
        const open = youngest < maturationSeconds
        const remembered = memorySeconds !== undefined && youngest < forgottenAfterSeconds + maturationSeconds
        const widest = Math.min(open ? maturationSeconds / 60 : 3_600, remembered ? memorySeconds / 60 : 3_600)
        expect(width).toBeLessThanOrEqual(Math.max(1, widest))
      }),
      { numRuns: 1_000 },
    )
  })
})

describe("given an hour or a day", () => {
  const at = (iso: string) => Date.parse(iso) / 1000

  it("is kept by the hour for 14 days, by the day for 62, then by the month", () => {
    const hour = (daysAgo: number) => NOW - daysAgo * DAY
    expect(groupSpanAt(hour(13), NOW)).toEqual({ start: hour(13), width: 3_600 })
    expect(groupSpanAt(hour(15), NOW)).toEqual({ start: at("2026-11-05T00:00:00Z"), width: DAY })
    expect(groupSpanAt(hour(50), NOW)).toEqual({ start: at("2026-10-01T00:00:00Z"), width: DAY })
    expect(groupSpanAt(hour(62), NOW)).toEqual({ start: at("2026-09-19T00:00:00Z"), width: DAY })
    const february = at("2028-02-29T05:00:00Z")
    const later = at("2028-06-01T00:00:00Z")
    expect(groupSpanAt(february, later)).toEqual({ start: at("2028-02-01T00:00:00Z"), width: 29 * DAY })
    expect(daySpanAt(february, later)).toEqual({ start: at("2028-02-01T00:00:00Z"), width: 29 * DAY })
    expect(daySpanAt(NOW + 5, NOW)).toEqual({ start: at("2026-11-20T00:00:00Z"), width: DAY })
  })

  it("is never kept by a stretch that isn't old enough as a whole", () => {
    fc.assert(
      fc.property(fc.nat(400 * 24), (hoursAgo) => {
        const hour = NOW - hoursAgo * 3_600
        const { start, width } = groupSpanAt(hour, NOW)
        expect(start <= hour && hour + 3_600 <= start + width).toBe(true)
        const keptFiner = width > DAY ? 62 * DAY : 14 * DAY
        expect(width === 3_600 || NOW - start - width >= keptFiner).toBe(true)
      }),
    )
  })
})
