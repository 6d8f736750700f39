import * as fc from "fast-check"
import { expect, it } from "vitest"
import { CounterTable } from "#src/domain/counter-table.ts"
import { MAX_REWARD, MICRO, squareMicro } from "#src/domain/counters.ts"

const HOUR = 3_600
const key = { experiment: "e", variant: "a", metric: "click", bucket: 7_205 }

it("keeps experiments, metrics, variants and buckets apart", () => {
  const table = new CounterTable(1)
  const delta = { decisions: 1, rewards: 0, sum: 0, sumSq: 0 }
  table.add(key, delta)
  table.add({ ...key, variant: "b" }, delta)
  table.add({ ...key, bucket: key.bucket + 1 }, delta)
  table.add({ ...key, metric: "sale" }, delta)
  table.add({ ...key, experiment: "f" }, delta)
  expect(table.rows("e", "click").map(({ variant, bucket }) => [variant, bucket])).toEqual([
    ["a", 7_205],
    ["b", 7_205],
    ["a", 7_206],
  ])
  expect([...table.cells()]).toHaveLength(5)
  expect(table.rows("unknown", "click")).toEqual([])
})

it("stays exact where plain numbers would not", () => {
  const table = new CounterTable(HOUR)
  const square = squareMicro(MAX_REWARD * MICRO)
  for (let index = 0; index < 1_000; index++) table.add(key, { decisions: 0, rewards: 1, sum: 1, sumSq: square })
  table.add(key, { decisions: 0, rewards: 0, sum: 0, sumSq: 1 })
  const [cell] = table.cells()
  expect(cell?.sumSq).toBe(1_000n * BigInt(square) + 1n)
})

it("makes the same wide table from narrow rows in any order as from the additions themselves", () => {
  const additions = fc.array(
    fc.tuple(fc.nat(10_000), fc.integer({ min: -1_000, max: 1_000 })).map(([bucket, sum]) => ({
      key: { ...key, bucket },
      delta: { decisions: 1, rewards: 1, sum, sumSq: sum * sum },
    })),
  )
  fc.assert(
    fc.property(additions, (all) => {
      const fine = new CounterTable(1)
      const direct = new CounterTable(HOUR)
      for (const { key: at, delta } of all) {
        fine.add(at, delta)
        direct.add(at, delta)
      }
      const merged = new CounterTable(HOUR)
      for (const cell of [...fine.cells()].toReversed()) merged.addCell(cell)
      const byBucket = (table: CounterTable) => new Map([...table.cells()].map((cell) => [cell.bucket, cell]))
      expect(byBucket(merged)).toEqual(byBucket(direct))
    }),
  )
})
