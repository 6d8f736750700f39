import { expect, it } from "vitest"
import { randomHex } from "#src/http/random-hex.ts"

it("gives two digits for each byte, and no text twice, however often the stock is made anew", () => {
  const texts = Array.from({ length: 3_000 }, (_, i) => randomHex(8 + (i % 2) * 8))
  for (const [i, text] of texts.entries()) expect(text).toMatch(i % 2 === 0 ? /^[0-9a-f]{16}$/ : /^[0-9a-f]{32}$/)
  expect(new Set(texts).size).toBe(texts.length)
})

it("draws all bytes alike", () => {
  const counts = new Map<string, number>()
  for (let i = 0; i < 4_096; i++) {
    for (const byte of randomHex(16).match(/../g) ?? []) counts.set(byte, (counts.get(byte) ?? 0) + 1)
  }
  // 256 are expected of each: a share that is off by eight standard deviations comes once in 10^12 draws or so.
  expect(counts.size).toBe(256)
  for (const count of counts.values()) expect(Math.abs(count - 256)).toBeLessThan(8 * 16)
})
