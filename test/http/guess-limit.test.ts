import { describe, expect, it } from "vitest"
import { GuessLimit } from "#src/http/guess-limit.ts"

const NOON = Date.UTC(2026, 10, 21, 12)

function guess(limit: GuessLimit, address: string | undefined, times: number): number {
  let waitMs = 0
  for (let i = 0; i < times; i++) waitMs = limit.wrong(address, `guess ${i}`, NOON)
  return waitMs
}

describe("the limit of guesses", () => {
  it("is by address, 64 bits of it where it has 128", () => {
    const limit = new GuessLimit()
    expect(guess(limit, "203.0.113.7", 11)).toBe(60_000)
    expect(guess(limit, "203.0.113.8", 10)).toBe(0)
    expect(guess(limit, "::ffff:203.0.113.9", 10)).toBe(0)
    expect(guess(limit, "::ffff:203.0.113.10", 10)).toBe(0)
    expect(guess(limit, "2001:db8:1:2:3:4:5:6", 10)).toBe(0)
    expect(limit.wrong("2001:db8:1:2:ffff::1", "guess", NOON)).toBe(60_000)
    expect(limit.wrong("2001:db8:1:3::1", "guess", NOON)).toBe(0)
    expect(guess(limit, undefined, 11)).toBe(60_000)
  })

  it("is over a minute after the first, also where the clock was set back meanwhile", () => {
    const limit = new GuessLimit()
    guess(limit, "203.0.113.7", 11)
    expect(limit.right("203.0.113.7", "key", NOON + 59_999)).toBe(1)
    expect(limit.right("203.0.113.7", "key", NOON + 60_000)).toBe(0)
    guess(limit, "203.0.113.7", 11)
    expect(limit.right("203.0.113.7", "another key", NOON - 1)).toBe(0)
  })

  it("is not for one wrong key over and over, nor for a right one that came from there before", () => {
    const limit = new GuessLimit()
    for (let i = 0; i < 1000; i++) expect(limit.wrong("203.0.113.7", "revoked", NOON)).toBe(0)
    expect(limit.right("203.0.113.7", "known", NOON)).toBe(0)
    guess(limit, "203.0.113.7", 11)
    expect(limit.right("203.0.113.7", "known", NOON)).toBe(0)
    expect(limit.right("203.0.113.7", "new", NOON)).toBe(60_000)
    expect(limit.right("203.0.113.8", "new", NOON)).toBe(0)
    expect(limit.wrong("203.0.113.7", "revoked", NOON)).toBe(0)
  })

  it("remembers 10,000 addresses, not more", () => {
    const limit = new GuessLimit()
    guess(limit, "first", 11)
    for (let i = 0; i < 9999; i++) limit.wrong(`source-${i}`, "guess", NOON)
    expect(limit.right("first", "key", NOON)).toBe(60_000)
    limit.wrong("one more", "guess", NOON)
    expect(limit.right("first", "key", NOON)).toBe(0)
  })
})
