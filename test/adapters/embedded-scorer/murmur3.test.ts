import { readFileSync } from "node:fs"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import * as z from "zod"
import { begin, finishAscii, murmur3 } from "#src/adapters/embedded-scorer/murmur3.ts"

const vectors = z
  .object({
    vectors: z.array(
      z.object({ s: z.string(), utf8_len: z.int(), h_signed: z.int(), seed1_signed: z.int(), idx_8: z.int() }),
    ),
  })
  .parse(JSON.parse(readFileSync("test/fixtures/ctr/hash_vectors.json", "utf8"))).vectors

const encoder = new TextEncoder()

it("equals scikit-learn's hash of every vector, under both seeds", () => {
  expect(vectors).toHaveLength(53)
  for (const vector of vectors) {
    const bytes = encoder.encode(vector.s)
    expect([vector.s, bytes.length, murmur3(bytes, 0), murmur3(bytes, 1)]).toEqual([
      vector.s,
      vector.utf8_len,
      vector.h_signed,
      vector.seed1_signed,
    ])
  }
})

it("gives the same hash wherever an ASCII text is cut into prefix and rest", () => {
  const ascii = fc.string({ unit: "binary-ascii", maxLength: 40 })
  fc.assert(
    fc.property(ascii, ascii, fc.integer(), (prefix, rest, seed) => {
      expect(finishAscii(begin(encoder.encode(prefix), seed), rest)).toBe(murmur3(encoder.encode(prefix + rest), seed))
    }),
  )
})

it("leaves a text with a character outside ASCII to the bytes", () => {
  expect(finishAscii(begin(new Uint8Array(), 0), "caf\u00e9")).toBeUndefined()
  expect(finishAscii(begin(new Uint8Array(), 0), "\ud800")).toBeUndefined()
})
