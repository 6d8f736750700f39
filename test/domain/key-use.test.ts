import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { KEY_USE_BYTES, KeyUse } from "#src/domain/key-use.ts"

const NOON = Date.UTC(2026, 10, 21, 12)

function limitedTo(requestsPerSecond?: number): KeyUse {
  return new KeyUse(new SharedArrayBuffer(KEY_USE_BYTES), requestsPerSecond)
}

describe("a key's rate", () => {
  it("allows a second's worth at once, and from then on one at a time", () => {
    const use = limitedTo(4)
    expect([1, 2, 3, 4, 5].map(() => use.take(NOON))).toEqual([0, 0, 0, 0, 250])
    expect(use.take(NOON + 249)).toBe(1)
    expect(use.take(NOON + 250)).toBe(0)
    expect(use.take(NOON + 250)).toBe(250)
  })

  it("may be less than one a second", () => {
    const use = limitedTo(0.5)
    expect(use.take(NOON)).toBe(0)
    expect(use.take(NOON + 1999)).toBe(1)
    expect(use.take(NOON + 2000)).toBe(0)
  })

  it("is the same for all threads that have its memory", () => {
    const memory = new SharedArrayBuffer(KEY_USE_BYTES)
    const [one, other] = [new KeyUse(memory, 2), new KeyUse(memory, 2)]
    expect([one.take(NOON), other.take(NOON), one.take(NOON)]).toEqual([0, 0, 500])
    other.used(NOON + 1400)
    expect(one.lastUsedAt).toBe(NOON + 1000)
  })

  it("gives nothing twice to a thread that read the clock before another took", () => {
    const memory = new SharedArrayBuffer(KEY_USE_BYTES)
    const [early, late] = [new KeyUse(memory, 0.01), new KeyUse(memory, 0.01)]
    expect([late.take(NOON + 1), early.take(NOON)]).toEqual([0, 100_001])
  })

  it("is not held against anybody when the clock is set back", () => {
    const use = limitedTo(2)
    use.take(NOON)
    expect(use.take(NOON - 3_600_000)).toBe(0)
  })

  it("is none where none is given", () => {
    const use = limitedTo()
    for (let i = 0; i < 1000; i++) expect(use.take(NOON)).toBe(0)
    expect(use.lastUsedAt).toBeUndefined()
  })

  it("never lets through more than a burst and what the time allows, and says rightly when there is room", () => {
    const gaps = fc.array(fc.double({ min: 0, max: 2000, noNaN: true }), { maxLength: 200 })
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 1000, noNaN: true }), gaps, (rate, waits) => {
        const use = limitedTo(rate)
        let now = NOON
        const taken: number[] = []
        let mostTries = 0
        for (const wait of waits) {
          now += wait
          // Two thousandths more: what a double of today's milliseconds can't say.
          for (let missing = use.take(now), tries = 1; missing > 0; missing = use.take(now), tries++) {
            now += missing + 0.002
            mostTries = Math.max(mostTries, tries)
          }
          taken.push(now)
        }
        expect(mostTries).toBeLessThanOrEqual(1)
        const burst = Math.max(1, rate)
        for (const [i, from] of taken.entries()) {
          for (const [more, to] of taken.slice(i).entries()) {
            expect(more + 1).toBeLessThanOrEqual(burst + (rate * (to - from + 0.01)) / 1000 + 1e-3)
          }
        }
      }),
      { numRuns: 100 },
    )
  })
})
