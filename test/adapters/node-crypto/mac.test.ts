import { createHash, createHmac } from "node:crypto"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { createPseudonyms, createTextMac } from "#src/adapters/node-crypto/mac.ts"

const key = fc.uint8Array({ minLength: 16, maxLength: 64 })
const text = fc.string({ maxLength: 400, unit: "grapheme" })

it("is HMAC-SHA-256 truncated to 128 bits, for every key and text", () => {
  fc.assert(
    fc.property(key, fc.array(text, { minLength: 1, maxLength: 4 }), (bytes, texts) => {
      const sign = createTextMac(bytes)
      for (const each of texts) {
        expect(sign(each)).toBe(createHmac("sha256", bytes).update(each).digest("base64url").slice(0, 22))
      }
    }),
  )
})

it("makes pseudonyms that depend on the key and don't hold the id", () => {
  const [one, two] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  expect(createPseudonyms(one)("user-42")).not.toBe(createPseudonyms(two)("user-42"))
  const padded = Buffer.concat([one, Buffer.alloc(32), Buffer.from("user-42")])
  expect(createPseudonyms(one)("user-42")).toBe(createHash("sha256").update(padded).digest("base64url").slice(0, 22))
})

it.each([0, 15, 65])("refuses a key of %i bytes", (length) => {
  expect(() => createTextMac(new Uint8Array(length))).toThrow(RangeError)
})
