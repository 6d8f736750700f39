import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { createTextMac } from "#src/adapters/node-crypto/mac.ts"
import { NANOS } from "#src/domain/allocation.ts"
import { createDecisionIds, decisionTime, parseDecisionId } from "#src/domain/decision-id.ts"
import type { ExperimentId, VariantId } from "#src/domain/ids.ts"
import { MAX_SERIES } from "#src/domain/series.ts"
import { type KeyRing, MAX_TOKEN_LENGTH, signToken, tokenFrame, verifyToken } from "#src/domain/token.ts"

const NOW = Date.UTC(2026, 10, 21)
const signK1 = createTextMac(new Uint8Array(32).fill(1))
const signK2 = createTextMac(new Uint8Array(32).fill(2))
const ring: KeyRing = new Map([
  ["k2", signK2],
  ["k1", signK1],
])
const GROUP = 42
let counter = 0
const idAt = createDecisionIds((target) => {
  for (let i = 0; i < target.length; i++) target[i] = (counter++ * 37) & 255
})

const parts = {
  experiment: "banner-ctr" as ExperimentId,
  revision: 7,
  series: 2,
  variant: "challenger" as VariantId,
  propensity: 0.37,
  learn: true,
  holdout: false,
  longestWindowSeconds: 3600,
}

function tokenAt(time: number, overrides: Partial<typeof parts> = {}, keyId = "k2", sign = signK2): string {
  return signToken(tokenFrame(keyId, { ...parts, ...overrides }), GROUP, idAt(time), sign)
}

function check(text: string, now = NOW) {
  const checked = verifyToken(text, ring, now)
  return checked.ok ? "ok" : checked.code
}

/** Probabilities as snapshots have them: whole billionths. */
const billionths = fc.oneof(fc.integer({ min: 1, max: NANOS }), fc.integer({ min: 1, max: 1000 })).map((n) => n / NANOS)
const counted = fc.constantFrom(
  { learn: true, holdout: false },
  { learn: false, holdout: true },
  { learn: false, holdout: false },
)

it("reads back what was signed, propensity to the last bit", () => {
  fc.assert(
    fc.property(
      billionths,
      fc.integer({ min: 1, max: 999_999_999 }),
      fc.nat(63),
      counted,
      (propensity, revision, group, how) => {
        const frame = tokenFrame("k2", { ...parts, propensity, revision, ...how })
        const checked = verifyToken(signToken(frame, group, idAt(NOW), signK2), ring, NOW)
        expect(checked).toMatchObject({
          ok: true,
          token: { ...parts, propensity, revision, group, ...how, issuedAt: NOW },
        })
      },
    ),
  )
})

it("stays within 200 characters that need no escaping, with everything at its longest", () => {
  const longest = fc.record({
    experiment: fc.constantFrom("e".repeat(63), "0-".repeat(31)).map((id) => id as ExperimentId),
    variant: fc.constantFrom("v".repeat(32), "V_-0".repeat(8)).map((id) => id as VariantId),
    revision: fc.integer({ min: 100_000_000, max: 999_999_999 }),
    series: fc.integer({ min: 100_000, max: MAX_SERIES }),
    propensity: billionths,
    longestWindowSeconds: fc.integer({ min: 1_000_000, max: 30 * 86_400 }),
    learn: fc.boolean(),
    holdout: fc.boolean(),
  })
  let most = 0
  fc.assert(
    fc.property(longest, fc.integer({ min: 10, max: 63 }), (all, group) => {
      const text = signToken(tokenFrame("key9", all), group, idAt(NOW), signK2)
      expect(text).toMatch(/^[A-Za-z0-9._-]+$/)
      most = Math.max(most, text.length)
      expect(text.length).toBeLessThanOrEqual(MAX_TOKEN_LENGTH)
      expect(verifyToken(text, new Map([["key9", signK2]]), NOW).ok).toBe(true)
    }),
    { numRuns: 500 },
  )
  expect(most).toBe(195)
})

it("refuses every change of a single character, and every truncation", () => {
  const text = tokenAt(NOW)
  for (let i = 0; i < text.length; i++) {
    for (const other of ["A", "0", "_", "-", "."]) {
      const changed = text.slice(0, i) + other + text.slice(i + 1)
      expect(check(changed)).toBe(changed === text ? "ok" : "token_invalid")
    }
    expect(check(text.slice(0, i))).toBe(i === 0 ? "token_malformed" : "token_invalid")
  }
  for (const length of [0, 1, 21, 23, 31, 33]) {
    expect(check(`${text.slice(0, text.lastIndexOf(".") + 1)}${"A".repeat(length)}`)).toBe("token_invalid")
  }
})

it("refuses another base64 spelling of the same mac", () => {
  const text = tokenAt(NOW)
  // The last of 22 characters carries 2 bits; the 4 below them may be anything to a lenient decoder.
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  const last = alphabet.indexOf(text.at(-1) as string)
  for (let low = 0; low < 16; low++) {
    const spelling = text.slice(0, -1) + alphabet[(last & 48) | low]
    expect(check(spelling)).toBe(spelling === text ? "ok" : "token_invalid")
  }
  expect(check(`${text}==`)).toBe("token_invalid")
})

describe("given a ring with an old and a new key", () => {
  it("takes tokens of both", () => {
    expect(check(tokenAt(NOW, {}, "k1", signK1))).toBe("ok")
    expect(check(tokenAt(NOW))).toBe("ok")
  })

  it.each(["k3", "", "../k", "__proto__", "constructor", "K2"])("refuses the key id %j", (keyId) => {
    expect(check(tokenAt(NOW, {}, keyId, signK2))).toBe("token_invalid")
  })

  it("refuses a token of one key that names the other", () => {
    expect(check(tokenAt(NOW, {}, "k1", signK2))).toBe("token_invalid")
  })
})

it.each(["v0", "v2", "none", "V1", ""])("refuses the version %j even when signed", (version) => {
  const text = tokenAt(NOW).replace(/^v1/, version)
  const signed = text.slice(0, text.lastIndexOf("."))
  expect(check(`${signed}.${signK2(signed)}`)).toBe("token_invalid")
})

it("expires after two of the longest attribution windows, to the millisecond", () => {
  const text = tokenAt(NOW)
  expect(check(text, NOW + 7_200_000)).toBe("ok")
  expect(check(text, NOW + 7_200_001)).toBe("token_expired")
})

it("takes a token of a clock that is an hour ahead, not more", () => {
  expect(check(tokenAt(NOW + 3_600_000))).toBe("ok")
  expect(check(tokenAt(NOW + 3_600_001))).toBe("token_invalid")
})

it.each(["", "$".repeat(201), "${TOKEN}", "%%TOKEN%%", "{decision}", "[DECISION]"])(
  "calls %j unreadable, not forged",
  (text) => {
    expect(check(text)).toBe("token_malformed")
  },
)

it("never throws, whatever it is given", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 220, unit: "grapheme" }), (text) => {
      expect(verifyToken(text, ring, NOW).ok).toBe(false)
      expect(verifyToken(`v1.k2.${text}`, ring, NOW).ok).toBe(false)
    }),
  )
})

it("makes decision ids that carry their time, sort by it and never repeat", () => {
  const ids = Array.from({ length: 5000 }, (_, i) => idAt(NOW + Math.floor(i / 10)))
  expect(new Set(ids.map((id) => id.slice(0, 10))).size).toBe(500)
  for (const [i, id] of ids.entries()) {
    expect(parseDecisionId(id)).toBe(id)
    expect(decisionTime(id)).toBe(NOW + Math.floor(i / 10))
  }
  expect(parseDecisionId("01JD")).toBeUndefined()
  expect(parseDecisionId("8ZZZZZZZZZZZZZZZZZZZZZZZZZ")).toBeUndefined()
})
