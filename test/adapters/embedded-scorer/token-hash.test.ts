import { readFileSync } from "node:fs"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import * as z from "zod"
import { murmur3 } from "#src/adapters/embedded-scorer/murmur3.ts"
import { createTokenPrefix, hashToken } from "#src/adapters/embedded-scorer/token-hash.ts"

const vectors = z
  .object({ vectors: z.array(z.object({ s: z.string(), h_signed: z.int() })) })
  .parse(JSON.parse(readFileSync("test/fixtures/ctr/hash_vectors.json", "utf8"))).vectors

const encoder = new TextEncoder()

it("equals scikit-learn's hash of every vector, from empty to emoji", () => {
  const bare = createTokenPrefix("")
  for (const { s, h_signed } of vectors) expect([s, hashToken(bare, s)]).toEqual([s, h_signed])
})

it("reaches both ends of what a hash can be", () => {
  const bare = createTokenPrefix("")
  expect(hashToken(bare, "1872d942")).toBe(-2147483648)
  expect(hashToken(bare, "196a2ab7")).toBe(0)
})

it("hashes prefix and value as one text, whatever Unicode they hold", () => {
  const unicode = fc.string({ unit: "binary", maxLength: 100 })
  fc.assert(
    fc.property(unicode, unicode, (name, value) => {
      const expected = murmur3(encoder.encode(`${name}=${value}`), 0)
      expect(hashToken(createTokenPrefix(`${name}=`), value)).toBe(expected)
    }),
  )
})

it("takes a lone surrogate as the replacement character", () => {
  const bare = createTokenPrefix("")
  expect(hashToken(bare, "a\ud800b")).toBe(hashToken(bare, "a\ufffdb"))
})
