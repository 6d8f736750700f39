import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { createTextMac } from "#src/adapters/node-crypto/mac.ts"
import { createDecisionIds, decisionTime, parseDecisionId } from "#src/domain/decision-id.ts"
import type { ExperimentId, VariantId } from "#src/domain/ids.ts"
import { type KeyRing, signToken, tokenHead, verifyToken } from "#src/domain/token.ts"

const NOW = Date.UTC(2026, 10, 21)
const signK1 = createTextMac(new Uint8Array(32).fill(1))
const signK2 = createTextMac(new Uint8Array(32).fill(2))
const ring: KeyRing = new Map([
  ["k2", signK2],
  ["k1", signK1],
])
let counter = 0
const idAt = createDecisionIds((target) => {
  for (let i = 0; i < target.length; i++) target[i] = (counter++ * 37) & 255
})

const parts = {
  experiment: "banner-ctr" as ExperimentId,
  revision: 7,
  variant: "challenger" as VariantId,
  propensity: 0.37,
  attributionWindowSeconds: 3600,
  learn: true,
}

function tokenAt(time: number, overrides: Partial<typeof parts> = {}, keyId = "k2", sign = signK2): string {
  return signToken(tokenHead(keyId, { ...parts, ...overrides }), idAt(time), sign)
}

function check(text: string, now = NOW) {
  const checked = verifyToken(text, ring, now)
  return checked.ok ? "ok" : checked.code
}

it("reads back what was signed, propensity to the last bit", () => {
  fc.assert(
    fc.property(
      fc.double({ min: Number.MIN_VALUE, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.boolean(),
      (propensity, revision, learn) => {
        const checked = verifyToken(tokenAt(NOW, { propensity, revision, learn }), ring, NOW)
        expect(checked).toMatchObject({ ok: true, token: { ...parts, propensity, revision, learn, issuedAt: NOW } })
      },
    ),
  )
})

it("stays within 200 URL characters for the longest names and numbers", () => {
  const text = tokenAt(NOW, {
    experiment: "e".repeat(63) as ExperimentId,
    variant: "v".repeat(32) as VariantId,
    propensity: 0.012_345_678_901_234_567,
    revision: 999_999,
    attributionWindowSeconds: 30 * 86_400,
  })
  expect(text.length).toBeLessThanOrEqual(200)
  expect(text).toMatch(/^[A-Za-z0-9._-]+$/)
  expect(check(text)).toBe("ok")
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

it("expires after two attribution windows, to the millisecond", () => {
  const text = tokenAt(NOW)
  expect(check(text, NOW + 7_200_000)).toBe("ok")
  expect(check(text, NOW + 7_200_001)).toBe("token_expired")
})

it("takes a clock that is a minute behind, not more", () => {
  expect(check(tokenAt(NOW + 60_000))).toBe("ok")
  expect(check(tokenAt(NOW + 60_001))).toBe("token_invalid")
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
