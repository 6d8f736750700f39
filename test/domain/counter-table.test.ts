import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { CounterTable, GroupTable } from "#src/domain/counter-table.ts"
import type { CounterKey } from "#src/domain/counters.ts"
import type { GroupKey } from "#src/domain/group-rows.ts"

const HOUR = 3_600
const KEY: CounterKey = { experiment: "e", cohort: "learned", variant: "a", series: 1, metric: "click", bucket: 7_205 }

describe("given counters", () => {
  it("keeps experiments, cohorts, variants, series, metrics and buckets apart", () => {
    const table = new CounterTable(1)
    const others: readonly Partial<CounterKey>[] = [
      { cohort: "holdout" },
      { variant: "b" },
      { series: 2 },
      { metric: "" },
      { bucket: 7_206 },
    ]
    for (const other of [{}, ...others, {}]) table.add({ ...KEY, ...other }, { count: 1, sum: 0, sumSq: 0 })
    table.add({ ...KEY, experiment: "f" }, { count: 7, sum: 0, sumSq: 0 })
    const counted = { ...KEY, widthSeconds: 1, count: 1, sum: 0, sumSq: 0 }
    expect(table.rows("e")).toEqual([{ ...counted, count: 2 }, ...others.map((other) => ({ ...counted, ...other }))])
    expect([...table.cells()]).toHaveLength(7)
    expect(table.rows("unknown")).toEqual([])
  })

  it("stays exact where plain numbers would not", () => {
    const table = new CounterTable(HOUR)
    const large = Number.MAX_SAFE_INTEGER
    for (let index = 0; index < 1_000; index++) table.add(KEY, { count: 1, sum: -1, sumSq: large })
    table.add(KEY, { count: 0, sum: 0, sumSq: 1 })
    const [cell] = table.cells()
    expect(cell).toMatchObject({ count: 1_000, sum: -1_000n, sumSq: 1_000n * BigInt(large) + 1n })
  })

  it("merges the rows of each counter between two seconds into one, and reads the rest as before", () => {
    const table = new CounterTable(10)
    for (const bucket of [0, 10, 20, 30]) {
      table.add({ ...KEY, bucket }, { count: 1, sum: 2, sumSq: 3 })
      table.add({ ...KEY, variant: "b", bucket }, { count: 5, sum: 0, sumSq: 0 })
    }
    expect(table.rows("e")).toHaveLength(8)
    table.merge("e", 10, 35)
    const spans = table
      .rows("e")
      .map(({ variant, bucket, widthSeconds, count }) => [variant, bucket, widthSeconds, count])
    expect(spans).toHaveLength(6)
    expect(spans).toEqual(
      expect.arrayContaining([
        ["a", 0, 10, 1],
        ["a", 10, 20, 2],
        ["a", 30, 10, 1],
        ["b", 10, 20, 10],
      ]),
    )
    table.add({ ...KEY, bucket: 15 }, { count: 1, sum: 0, sumSq: 0 })
    expect(table.rows("e").reduce((sum, { count }) => sum + count, 0)).toBe(25)
  })

  it("makes the same wide table from narrow rows in any order as from the additions themselves", () => {
    const additions = fc.array(
      fc.tuple(fc.nat(10_000), fc.integer({ min: -1_000, max: 1_000 })).map(([bucket, sum]) => ({
        key: { ...KEY, bucket },
        delta: { count: 1, sum, sumSq: sum * sum },
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
})

describe("given group rows", () => {
  const key: GroupKey = { experiment: "e", variant: "a", series: 1, metric: "", epoch: 1, hour: 7_200, group: 5 }
  const delta = { count: 1, sum: 2, sumSq: 3, weighted: -4, allocated: 5 }

  it("keeps everything apart that a key tells apart, and adds up the rest", () => {
    const table = new GroupTable()
    const others: readonly Partial<GroupKey>[] = [
      { variant: "b" },
      { series: 2 },
      { metric: "click" },
      { epoch: 2 },
      { hour: 10_800 },
      { group: 6 },
    ]
    for (const other of [{}, ...others, {}]) table.add({ key: { ...key, ...other }, delta })
    table.add({ key: { ...key, experiment: "f" }, delta })
    const { experiment, ...place } = key
    const row = { ...place, widthSeconds: HOUR, count: 1, sum: 2n, sumSq: 3n, weighted: -4n, allocated: 5n }
    const twice = { ...row, count: 2, sum: 4n, sumSq: 6n, weighted: -8n, allocated: 10n }
    expect(table.rows("e")).toEqual([twice, ...others.map((other) => ({ ...row, ...other }))])
    expect([...table.all()].filter((one) => one.experiment === "f")).toEqual([{ experiment: "f", ...row }])
    expect(experiment).toBe("e")
  })
})
