import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { tidyUp } from "#src/adapters/sqlite/upkeep.ts"
import { CounterTable, GroupTable } from "#src/domain/counter-table.ts"
import { addUnit, emptySketch, mergeSketch } from "#src/domain/unit-sketch.ts"
import { ALL_OF_CHAMPION, decisions, NOON, rewardEvent } from "#test/outcomes.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { openTables } from "./opened-tables.ts"

const NOW = NOON / 1000
const KEY = { experiment: "banner-ctr", cohort: "learned", variant: "champion", series: 1, bucket: NOW } as const
const DAY = 86_400

type Opened = ReturnType<typeof openTables>

function byHour({ counters }: Opened) {
  const table = new CounterTable(3_600)
  for (const cell of counters.contents().cells) table.addCell(cell)
  return new Map([...table.cells()].map((cell) => [`${cell.variant} ${cell.metric} ${cell.bucket}`, cell]))
}

/** A store whose clock was `ages` ago when it was opened, so that everything is fresh, and which is at noon when the clock has passed on. */
function openedBefore(seconds: number): Opened {
  return openTables({ clock: new SharedClock(NOON - seconds * 1000) })
}

describe("given counters of several ages", () => {
  it("keeps seconds for a minute, and then wider and wider buckets", () => {
    const opened = openedBefore(90 * DAY)
    const ages = [5, 59, 80, 599, 700, 21_000, 40_000, DAY, 2 * DAY - 1, 3 * DAY, 90 * DAY]
    opened.fold({ counters: ages.map((age) => decisions({ ...KEY, bucket: NOW - age }, 1)) })
    expect(opened.counters.contents().cells.every(({ widthSeconds }) => widthSeconds === 1)).toBe(true)
    opened.clock.pass(90 * DAY * 1000)
    opened.tidy()
    const widths = opened.counters.contents().cells.map(({ bucket, widthSeconds }) => [NOW - bucket, widthSeconds])
    expect(widths.toSorted(([a = 0], [b = 0]) => a - b)).toEqual([
      [5, 1],
      [59, 1],
      [80, 10],
      [600, 10],
      [720, 60],
      [21_000, 60],
      [40_200, 600],
      [DAY, 600],
      [2 * DAY, 600],
      [3 * DAY, 3_600],
      [90 * DAY, 3_600],
    ])
  })

  it("merges a late addition with a bucket that has been widened", () => {
    const opened = openedBefore(0)
    for (const offset of [1, 2, 3]) {
      opened.fold({ counters: [decisions({ ...KEY, bucket: NOW - 10 * DAY + offset }, offset)] })
      opened.tidy()
    }
    const { cells } = opened.counters.contents()
    expect(cells).toMatchObject([{ bucket: NOW - 10 * DAY, widthSeconds: 3_600, count: 6 }])
  })

  it("puts a decision of long ago where it would have been widened to", () => {
    const ages = fc.array(fc.nat(5 * DAY), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(ages, (all) => {
        const additions = { counters: all.map((age) => decisions({ ...KEY, bucket: NOW - age }, 1)) }
        const widened = openedBefore(5 * DAY)
        widened.fold(additions)
        widened.clock.pass(5 * DAY * 1000)
        widened.tidy()
        const direct = openedBefore(0)
        direct.fold(additions)
        expect(direct.counters.contents()).toEqual(widened.counters.contents())
        widened.database.close()
        direct.database.close()
      }),
      { numRuns: 30 },
    )
  })

  it("shows in the statistics at once", () => {
    const opened = openedBefore(3 * DAY)
    const decided = () => opened.counters.statistics("banner-ctr", ALL_OF_CHAMPION).variants[0]?.totals.decisions
    const fold = () => opened.fold({ counters: [decisions({ ...KEY, bucket: NOW - 3 * DAY }, 1)] })
    fold()
    expect(decided()).toBe(1)
    opened.clock.pass(3 * DAY * 1000)
    opened.tidy()
    expect(decided()).toBe(1)
    fold()
    expect(decided()).toBe(2)
    opened.counters.reset()
    expect(decided()).toBeUndefined()
  })

  it("shows in the statistics what another connection has written", () => {
    const opened = openedBefore(0)
    opened.fold({ counters: [decisions(KEY, 2)] })
    expect(opened.counters.statistics("banner-ctr", ALL_OF_CHAMPION).variants[0]?.n).toBe(2)
    opened.database.exec("UPDATE counters SET count = 5")
    opened.tables.forget()
    expect(opened.counters.statistics("banner-ctr", ALL_OF_CHAMPION).variants[0]?.n).toBe(5)
  })

  it("keeps in memory what is asked for, and reads anew what nobody has asked for in ten minutes", () => {
    const opened = openedBefore(0)
    opened.fold({ counters: [decisions({ ...KEY, bucket: NOW - 10 * DAY }, 2)] })
    const decided = () => opened.counters.statistics("banner-ctr", ALL_OF_CHAMPION).variants[0]?.n
    decided()
    // What this connection writes itself past the counters isn't noticed.
    opened.database.exec("UPDATE counters SET count = 5")
    for (let minutes = 0; minutes < 60; minutes += 10) {
      opened.clock.pass(600_000)
      opened.tidy()
      expect(decided()).toBe(2)
    }
    for (let minutes = 0; minutes < 20; minutes += 10) {
      opened.clock.pass(600_000)
      opened.tidy()
    }
    expect(decided()).toBe(5)
  })

  it("answers statistics from memory as from the table, whatever was folded and widened between", () => {
    const step = fc.record({
      age: fc.nat(4 * DAY),
      passed: fc.nat(DAY),
      value: fc.integer({ min: -5, max: 5 }),
      tidied: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 15 }), (steps) => {
        const opened = openTables()
        const query = {
          ...ALL_OF_CHAMPION,
          bound: 5,
          memory: { kind: "window", seconds: DAY },
          maturation: { kind: "window", seconds: 3_600 },
        } as const
        for (const [index, { age, passed, value, tidied }] of steps.entries()) {
          opened.clock.pass(passed * 1000)
          const decidedAt = opened.clock.now() - age * 1000
          opened.fold({
            counters: [decisions({ ...KEY, bucket: Math.floor(decidedAt / 1000) }, 1)],
            rewards: [rewardEvent({ decisionId: `D${index % 4}`, value, bound: 5, aggregation: "last", decidedAt })],
          })
          if (tidied) opened.tidy()
          const remembered = opened.counters.statistics("banner-ctr", { ...query, now: opened.clock.now() })
          opened.tables.forget()
          const read = opened.counters.statistics("banner-ctr", { ...query, now: opened.clock.now() })
          expect(remembered).toEqual(read)
        }
        opened.database.close()
      }),
      { numRuns: 60 },
    )
  })

  it("never changes what an hour adds up to", () => {
    const additions = fc.array(
      fc.record({
        age: fc.nat(4 * DAY),
        variant: fc.constantFrom("a", "b"),
        value: fc.integer({ min: -100, max: 100 }),
      }),
      { minLength: 1, maxLength: 60 },
    )
    fc.assert(
      fc.property(additions, fc.array(fc.nat(2 * DAY), { maxLength: 4 }), (all, tidyings) => {
        const opened = openedBefore(0)
        opened.fold({
          counters: all.map(({ age, variant }) => decisions({ ...KEY, variant, bucket: NOW - age }, 1)),
          rewards: all.map(({ age, variant, value }, index) =>
            rewardEvent({ decisionId: `D${index}`, variant, value, bound: 100, decidedAt: (NOW - age) * 1000 }),
          ),
        })
        const before = byHour(opened)
        for (const later of tidyings) {
          opened.clock.pass(later * 1000)
          opened.tidy()
          expect(byHour(opened)).toEqual(before)
        }
        opened.database.close()
      }),
      { numRuns: 50 },
    )
  })

  it("widens buckets whose sums pass 64 bits together without losing any", () => {
    const opened = openedBefore(DAY)
    const large = Number.MAX_SAFE_INTEGER
    const addition = { key: { ...KEY, metric: "click" }, delta: { count: 1, sum: -large, sumSq: large } }
    for (let second = 0; second < 3; second++) {
      const counters = Array.from({ length: 700 }, () => ({
        ...addition,
        key: { ...addition.key, bucket: NOW - DAY + second },
      }))
      opened.fold({ counters })
    }
    opened.clock.pass(DAY * 1000)
    opened.tidy()
    const { cells } = opened.counters.contents()
    expect(cells.map(({ widthSeconds }) => widthSeconds)).toEqual(cells.map(() => 600))
    expect(cells.length).toBeGreaterThan(1)
    expect(cells.reduce((sum, { sumSq }) => sum + sumSq, 0n)).toBe(2_100n * BigInt(large))
    expect(cells.reduce((sum, cell) => sum + cell.sum, 0n)).toBe(-2_100n * BigInt(large))
  })

  it("does not widen because a clock is 70 days ahead for half a minute", () => {
    const opened = openTables()
    opened.fold({ counters: [decisions(KEY, 1)] })
    const width = () => opened.counters.contents().cells[0]?.widthSeconds
    opened.clock.jump(70 * DAY * 1000)
    opened.clock.pass(15_000)
    opened.tidy()
    expect(width()).toBe(1)
    opened.clock.jump(-70 * DAY * 1000)
    opened.clock.pass(3 * DAY * 1000)
    opened.tidy()
    expect(width()).toBe(3_600)
  })
})

describe("given a resolution", () => {
  it("is kept across restarts and through a reset", () => {
    const opened = openedBefore(0)
    const keep = (memorySeconds: number) =>
      opened.counters.keep("banner-ctr", { memorySeconds, forgottenAfterSeconds: undefined, maturationSeconds: 0 })
    keep(60)
    opened.counters.reset()
    opened.fold({ counters: [decisions({ ...KEY, bucket: NOW - 9 * DAY }, 1)] })
    const widths = () => opened.counters.contents().cells.map(({ widthSeconds }) => widthSeconds)
    expect(widths()).toEqual([1])
    keep(3_600)
    opened.tidy()
    expect(widths()).toEqual([60])
  })
})

describe("given rewards by their delay", () => {
  const delays = (tables: ReturnType<typeof openedBefore>) =>
    tables.counters.contents().cells.filter(({ metric }) => metric.includes("@"))
  const clicked = (secondsAgo: number) =>
    rewardEvent({
      decisionId: `D${secondsAgo}`,
      decidedAt: (NOW - secondsAgo) * 1000,
      delayWindowSeconds: 3_600,
    })

  it("keeps them for two attribution windows, and the rewards themselves for good", () => {
    const opened = openedBefore(0)
    opened.fold({ rewards: [60, 3_500, 7_000, 3 * 3_600 + 10, DAY].map(clicked) })
    expect(delays(opened)).toHaveLength(5)
    opened.tidy()
    expect(delays(opened)).toHaveLength(3)
    expect(delays(opened).every(({ bucket }) => bucket > NOW - 3 * 3_600 - 60)).toBe(true)
    const clicks = opened.counters.contents().cells.filter(({ metric }) => metric === "click")
    expect(clicks.reduce((sum, { count }) => sum + count, 0)).toBe(5)
  })
})

describe("given a reset in the middle of upkeep", () => {
  it("widens nothing by what another experiment had to keep", () => {
    const opened = openedBefore(0)
    for (const variant of ["a", "b", "c"]) {
      opened.fold({ experiment: "coarse", counters: [decisions({ ...KEY, experiment: "coarse", variant }, 1)] })
    }
    const upkeep = tidyUp(opened.tables)
    for (let step = 0; step < 3; step++) upkeep.next()
    opened.counters.reset()
    opened.counters.keep("fine", { memorySeconds: 30, forgottenAfterSeconds: undefined, maturationSeconds: 0 })
    for (const variant of ["a", "b", "c"]) {
      const key = { ...KEY, experiment: "fine", variant, bucket: NOW - 9 * DAY }
      opened.fold({ experiment: "fine", counters: [decisions(key, 1)] })
    }
    for (const _ of upkeep) expect(opened.database.isTransaction).toBe(false)
    expect(opened.counters.contents().cells.map(({ widthSeconds }) => widthSeconds)).toEqual([1, 1, 1])
  })
})

describe("given group rows of several ages", () => {
  it("makes days of hours and months of days, and never one row of two epochs", () => {
    const opened = openedBefore(120 * DAY)
    const delta = { count: 1, sum: 2, sumSq: 3, weighted: -4, allocated: 5 }
    const key = { experiment: "banner-ctr", variant: "champion", series: 1, metric: "", group: 9 }
    const hours = Array.from({ length: 120 * 24 }, (_, index) => NOW - index * 3_600)
    const groups = hours.flatMap((hour, index) => [
      { key: { ...key, epoch: 1 + (index % 2), hour }, delta },
      { key: { ...key, epoch: 1 + (index % 2), hour, group: 10, variant: "challenger" }, delta },
    ])
    opened.fold({ groups })
    expect(opened.groups().rows).toHaveLength(groups.length)
    opened.clock.pass(120 * DAY * 1000)
    opened.tidy()
    const { rows } = opened.groups()
    const of = (width: number) =>
      rows.filter(({ widthSeconds, variant }) => widthSeconds === width && variant === "champion")
    // From the hour that noon is in back to the start of the day 14 days ago; then one row for each day and epoch.
    expect(of(3_600)).toHaveLength(14 * 24 + 13)
    expect(of(DAY).length).toBeGreaterThanOrEqual(2 * 47)
    expect(
      rows.filter(({ widthSeconds }) => widthSeconds > DAY).map(({ hour }) => new Date(hour * 1000).toISOString()),
    ).toEqual(
      Array.from({ length: 8 }, (_, index) => (index < 4 ? "2026-07-01T00:00:00.000Z" : "2026-08-01T00:00:00.000Z")),
    )
    const summed = new GroupTable()
    for (const row of rows) summed.addRow("e", { ...row, hour: 0 })
    const half = BigInt(hours.length / 2)
    const sums = { count: Number(half), sum: 2n * half, sumSq: 3n * half, weighted: -4n * half, allocated: 5n * half }
    expect(summed.rows("e")).toHaveLength(4)
    for (const row of summed.rows("e")) expect(row).toMatchObject(sums)
  })

  it("puts an addition of long ago where it would have been merged to", () => {
    const key = { experiment: "banner-ctr", variant: "champion", series: 1, metric: "", group: 9, epoch: 1 }
    const ages = fc.array(fc.nat(150 * 24), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(ages, (all) => {
        const groups = all.map((age) => ({
          key: { ...key, hour: NOW - age * 3_600 },
          delta: { count: 1, sum: age, sumSq: 0, weighted: 0, allocated: 7 },
        }))
        const widened = openedBefore(150 * DAY)
        widened.fold({ groups })
        widened.clock.pass(150 * DAY * 1000)
        widened.tidy()
        const direct = openedBefore(0)
        direct.fold({ groups })
        expect(direct.groups()).toEqual(widened.groups())
        widened.database.close()
        direct.database.close()
      }),
      { numRuns: 30 },
    )
  })
})

describe("given sketches of several days", () => {
  it("makes months of days after 62 days, which have seen whoever their days have", () => {
    const opened = openedBefore(100 * DAY)
    const today = NOW - (NOW % DAY)
    const sketches = Array.from({ length: 100 }, (_, daysAgo) => {
      const sketch = emptySketch()
      addUnit(sketch, `${String.fromCharCode(65 + (daysAgo % 26))}${daysAgo}AAAAAAAAAAAA`)
      return { variant: "champion", series: 1, day: today - daysAgo * DAY, sketch }
    })
    opened.fold({ sketches })
    opened.fold({ sketches: sketches.slice(50) })
    opened.clock.pass(100 * DAY * 1000)
    opened.tidy()
    const kept = opened.groups().sketches
    const month = Date.UTC(2026, 7) / 1000
    expect(kept[0]).toMatchObject({ variant: "champion", series: 1, day: month })
    expect(kept[1]?.day).toBe(Date.UTC(2026, 8, 1) / 1000)
    const august = emptySketch()
    for (const { day, sketch } of sketches) if (day < Date.UTC(2026, 8) / 1000) mergeSketch(august, sketch)
    expect(kept[0]?.sketch).toEqual(august)
    opened.fold({ sketches: sketches.slice(-1) })
    expect(opened.groups().sketches).toEqual(kept)
  })
})
