import { describe, expect, it } from "vitest"
import { groupRows, readGroups } from "#src/adapters/sqlite/stored-groups.ts"
import { NOON } from "#test/outcomes.ts"
import { openTables } from "./opened-tables.ts"

const HOUR = NOON / 1000
const KEY = { experiment: "banner-ctr", variant: "a", series: 1, metric: "click", epoch: 1, hour: HOUR, group: 5 }
const DELTA = { count: 1, sum: 2, sumSq: 3, weighted: -4, allocated: 5 }

describe("given stored group rows", () => {
  it("makes no row before rows are asked for", () => {
    const damaged = { names: [], places: Float64Array.of(0, 1, HOUR, 3_600, 1), bytes: Uint8Array.of(3) }
    const sketch = { variant: "a", series: 1, day: 0, sketch: new Uint8Array(1_024) }
    const read = readGroups({ groups: damaged, sketches: [sketch] })
    expect(read.sketches).toEqual([sketch])
    expect(() => read.rows).toThrow(RangeError)
  })

  it("reads parts of one row as one, and rows that differ in anything as several", () => {
    const { counters, fold, groups } = openTables()
    const weighted = Number.MAX_SAFE_INTEGER
    for (let time = 0; time < 3; time++) fold({ groups: [{ key: KEY, delta: { ...DELTA, weighted } }] })
    const others = [{ epoch: 2 }, { metric: "" }, { variant: "b" }, { series: 2 }, { hour: HOUR + 3_600 }]
    fold({ groups: others.map((other) => ({ key: { ...KEY, ...other }, delta: DELTA })) })
    const { experiment, ...place } = KEY
    const once = { ...place, widthSeconds: 3_600, count: 1, sum: 2n, sumSq: 3n, weighted: -4n, allocated: 5n }
    const thrice = { ...once, count: 3, sum: 6n, sumSq: 9n, weighted: 3n * BigInt(weighted), allocated: 15n }
    const { rows } = groups()
    expect(rows).toHaveLength(6)
    expect(rows).toEqual(expect.arrayContaining([thrice, ...others.map((other) => ({ ...once, ...other }))]))
    expect(counters.contents().groups).toEqual(rows.map((row) => ({ experiment, ...row })))
    // As they come to another thread.
    expect(groupRows(structuredClone(counters.groups(experiment).groups))).toEqual(rows)
  })
})
