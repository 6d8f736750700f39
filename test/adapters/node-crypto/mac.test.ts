import { createHash, createHmac } from "node:crypto"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { createPseudonyms, createTextMac } from "#src/adapters/node-crypto/mac.ts"
import { assign, assignmentKey } from "#src/domain/assignment.ts"
import { UNIT_GROUPS } from "#src/domain/unit.ts"

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
  expect(createPseudonyms(one)("user-42").unit).not.toBe(createPseudonyms(two)("user-42").unit)
  const padded = Buffer.concat([one, Buffer.alloc(32), Buffer.from("user-42")])
  expect(createPseudonyms(one)("user-42").unit).toBe(
    createHash("sha256").update(padded).digest("base64url").slice(0, 22),
  )
})

/** Pearson's statistic of a table of counts, and its degrees of freedom. */
function chiSquare(table: readonly (readonly number[])[]): { readonly statistic: number; readonly freedom: number } {
  const rows = table.map((row) => row.reduce((sum, count) => sum + count, 0))
  const columns = (table[0] ?? []).map((_, j) => table.reduce((sum, row) => sum + (row[j] ?? 0), 0))
  const total = rows.reduce((sum, count) => sum + count, 0)
  let statistic = 0
  for (const [i, row] of table.entries()) {
    for (const [j, count] of row.entries()) {
      const expected = ((rows[i] ?? 0) * (columns[j] ?? 0)) / total
      statistic += (count - expected) ** 2 / expected
    }
  }
  return { statistic, freedom: (rows.length - 1) * (columns.length - 1) }
}

it("divides units into 64 even groups that say nothing of their variant or their pseudonym", () => {
  const pseudonym = createPseudonyms(new Uint8Array(32).fill(3))
  const keys = ["a", "b", "c"].map((id) => assignmentKey("e", id))
  const byVariant = Array.from({ length: UNIT_GROUPS }, () => [0, 0, 0])
  const byCharacter = Array.from({ length: UNIT_GROUPS }, () => Array.from({ length: 64 }, () => 0))
  const characters = new Map<string, number>()
  for (let i = 0; i < 200_000; i++) {
    const id = `user-${i}`
    const { unit, group } = pseudonym(id)
    const variants = byVariant[group] as number[]
    const variant = assign(id, keys, [0.2, 0.3, 0.5])
    variants[variant] = (variants[variant] ?? 0) + 1
    const character = characters.get(unit.charAt(0)) ?? characters.size
    characters.set(unit.charAt(0), character)
    const row = byCharacter[group] as number[]
    row[character] = (row[character] ?? 0) + 1
  }
  const sizes = byVariant.map((row) => row.reduce((sum, count) => sum + count, 0))
  const even = sizes.reduce((sum, size) => sum + (size - 3125) ** 2 / 3125, 0)
  for (const { statistic, freedom } of [
    { statistic: even, freedom: UNIT_GROUPS - 1 },
    chiSquare(byVariant),
    chiSquare(byCharacter),
  ]) {
    expect(Math.abs(statistic - freedom)).toBeLessThan(4 * Math.sqrt(2 * freedom))
  }
})

it.each([0, 15, 65])("refuses a key of %i bytes", (length) => {
  expect(() => createTextMac(new Uint8Array(length))).toThrow(RangeError)
})
