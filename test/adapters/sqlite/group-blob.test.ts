import * as fc from "fast-check"
import { expect, it } from "vitest"
import { decodeGroups, encodeGroups } from "#src/adapters/sqlite/group-blob.ts"
import { packGroups, ROW_CELLS } from "#src/adapters/sqlite/packed-groups.ts"

const KEY = { experiment: "e", variant: "a", series: 1, metric: "", epoch: 1, hour: 7_200, group: 5 }
const DELTA = { count: 1, sum: 2, sumSq: 3, weighted: -4, allocated: 5 }

it("reads back every number, from none to the widest", () => {
  const edges = [7, 8, 15, 16, 31, 32].flatMap((bits) => [2 ** bits - 1, -(2 ** bits)])
  const widest = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
  const values = fc.oneof(fc.constantFrom(0, 1, -1, ...edges, ...widest), fc.maxSafeInteger())
  const field = fc.oneof(fc.constant([0]), fc.array(values, { minLength: 1, maxLength: 64 }))
  fc.assert(
    fc.property(fc.array(field, { minLength: 5, maxLength: 5 }), (fields) => {
      const cells = new Float64Array(ROW_CELLS)
      for (const [index, numbers] of fields.entries()) cells.set(numbers, index * 64)
      const bytes = encodeGroups(cells)
      expect(decodeGroups(bytes)).toEqual(cells)
      // As it comes from a database: somewhere in a larger buffer.
      const inside = new Uint8Array(bytes.length + 3)
      inside.set(bytes, 3)
      expect(decodeGroups(inside.subarray(3))).toEqual(cells)
    }),
  )
})

it("takes as little room as its numbers need", () => {
  const cells = new Float64Array(ROW_CELLS)
  expect(encodeGroups(cells)).toHaveLength(8)
  cells[0] = 127
  expect(encodeGroups(cells)).toHaveLength(8 + 64)
  cells[0] = 128
  cells[4 * 64] = 10 ** 12
  expect(encodeGroups(cells)).toHaveLength(8 + 2 * 64 + 8 * 64)
})

it("refuses bytes that are no group row", () => {
  expect(() => decodeGroups(Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0))).toThrow(RangeError)
  expect(() => decodeGroups(Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0))).toThrow(RangeError)
})

it("packs additions by what they have in common", () => {
  const others = [
    {},
    { group: 6 },
    { variant: "b" },
    { metric: "click" },
    { hour: 10_800 },
    { epoch: 2 },
    { series: 2 },
    {},
  ]
  const { rows, cells } = packGroups(others.map((other) => ({ key: { ...KEY, ...other }, delta: DELTA })))
  const key = { variant: "a", series: 1, metric: "", epoch: 1, hour: 7_200 }
  const rowsOf = [{}, { variant: "b" }, { metric: "click" }, { hour: 10_800 }, { epoch: 2 }, { series: 2 }]
  expect(rows).toEqual(rowsOf.map((other) => ({ ...key, ...other })))
  const read = (row: number, group: number) =>
    [0, 1, 2, 3, 4].map((field) => cells[row * ROW_CELLS + field * 64 + group])
  expect(read(0, 5)).toEqual([2, 4, 6, -8, 10])
  expect(read(0, 6)).toEqual([1, 2, 3, -4, 5])
  expect(read(5, 5)).toEqual([1, 2, 3, -4, 5])
  expect(read(5, 6)).toEqual([0, 0, 0, 0, 0])
})

it("packs sums beyond 2^53 into rows of their own, so that none loses a digit", () => {
  const weighted = 2 ** 53 - 1
  const additions = Array.from({ length: 7 }, () => ({ key: KEY, delta: { ...DELTA, weighted } }))
  const { rows, cells } = packGroups(additions)
  expect(rows).toHaveLength(7)
  const field = (index: number) => rows.map((_, row) => BigInt(cells[row * ROW_CELLS + index * 64 + 5] ?? 0))
  expect(field(3).reduce((sum, value) => sum + value, 0n)).toBe(7n * BigInt(weighted))
  expect(field(0).reduce((sum, value) => sum + value, 0n)).toBe(7n)
})
