import * as fc from "fast-check"
import { expect, it } from "vitest"
import { DeviceTrust } from "#src/adapters/ndjson/device-trust.ts"

/** How long a device is avoided after a slow write that ends at `nowMs`, to the millisecond. */
function avoidedMs(trust: DeviceTrust, nowMs: number): number {
  trust.wasSlow(nowMs)
  let ms = 0
  while (!trust.isQuick(nowMs + ms)) ms += 1
  return ms
}

it("trusts a device that nothing is known of", () => {
  expect(new DeviceTrust().isQuick(0)).toBe(true)
})

it("avoids a device for a tenth of a second after one slow write, and twice as long each time that it is slow again, up to ten seconds", () => {
  const trust = new DeviceTrust()
  let nowMs = 5_000
  const avoided: number[] = []
  for (let slow = 0; slow < 9; slow++) {
    const ms = avoidedMs(trust, nowMs)
    avoided.push(ms)
    nowMs += ms
  }
  expect(avoided).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000])
})

it("forgets when the device has been trusted for ten seconds without a slow write", () => {
  const trust = new DeviceTrust()
  expect(avoidedMs(trust, 0)).toBe(100)
  expect(avoidedMs(trust, 10_099)).toBe(200)
  expect(avoidedMs(trust, 10_099 + 200 + 10_000)).toBe(100)
})

it("lets a device that is always slow hold up at most 24 turns of a minute, whenever they come", () => {
  const gapMs = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 5_000, max: 21_000 }))
  fc.assert(
    fc.property(fc.array(gapMs, { minLength: 1, maxLength: 1_000 }), (gaps) => {
      const trust = new DeviceTrust()
      let nowMs = 0
      let heldUp = 0
      for (const gap of gaps) {
        nowMs += gap
        if (nowMs > 60_000) break
        if (!trust.isQuick(nowMs)) continue
        heldUp += 1
        trust.wasSlow(nowMs)
      }
      expect(heldUp).toBeLessThanOrEqual(24)
    }),
  )
})
