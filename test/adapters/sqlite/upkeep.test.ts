import type { DatabaseSync } from "node:sqlite"
import * as fc from "fast-check"
import { describe, expect, it, onTestFinished } from "vitest"
import { Counters } from "#src/adapters/sqlite/counters.ts"
import { openDatabase } from "#src/adapters/sqlite/schema.ts"
import { tidyUp } from "#src/adapters/sqlite/upkeep.ts"
import { CounterTable } from "#src/domain/counter-table.ts"
import { MAX_REWARD } from "#src/domain/counters.ts"
import { decisions, NOON, rewardEvent } from "#test/outcomes.ts"

const NOW = NOON / 1000
const KEY = { experiment: "banner-ctr", variant: "champion", metric: "click", bucket: NOW }
const DAY = 86_400

function open(): { database: DatabaseSync; counters: Counters } {
  const database = openDatabase(":memory:", false)
  onTestFinished(() => database.close())
  return { database, counters: new Counters(database, 30 * DAY) }
}

function byHour(counters: Counters) {
  const table = new CounterTable(3_600)
  for (const cell of counters.contents().cells) table.addCell(cell)
  return new Map([...table.cells()].map((cell) => [`${cell.variant} ${cell.bucket}`, cell]))
}

describe("given counters of several ages", () => {
  it("keeps seconds for ten minutes, minutes for two days, and hours", () => {
    const { database, counters } = open()
    const ages = [5, 599, 700, DAY, 2 * DAY - 1, 3 * DAY, 90 * DAY]
    const batch = ages.map((age) => decisions({ ...KEY, bucket: NOW - age }, 1))
    counters.fold({ decisions: batch, rewards: [], end: { file: 1, offset: 1 } }, NOW - 90 * DAY)
    expect(counters.contents().cells.every(({ widthSeconds }) => widthSeconds === 1)).toBe(true)
    tidyUp(database, NOW)
    const widths = counters.contents().cells.map(({ bucket, widthSeconds }) => [NOW - bucket, widthSeconds])
    expect(widths.sort(([a = 0], [b = 0]) => a - b)).toEqual([
      [5, 1],
      [599, 1],
      [720, 60],
      [DAY, 60],
      [2 * DAY, 60],
      [3 * DAY, 3_600],
      [90 * DAY, 3_600],
    ])
  })

  it("merges a late addition to a bucket that has been rolled up", () => {
    const { database, counters } = open()
    for (const offset of [1, 2, 3]) {
      const batch = [decisions({ ...KEY, bucket: NOW - 10 * DAY + offset }, offset)]
      counters.fold({ decisions: batch, rewards: [], end: { file: 1, offset } }, NOW - 10 * DAY)
      tidyUp(database, NOW)
    }
    expect(counters.contents().cells).toMatchObject([{ bucket: NOW - 10 * DAY, widthSeconds: 3_600, decisions: 6 }])
  })

  it("puts a decision of long ago where a roll-up would have put it", () => {
    const ages = fc.array(fc.nat(5 * DAY), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(ages, (all) => {
        const batch = all.map((age) => decisions({ ...KEY, bucket: NOW - age }, 1))
        const end = { file: 1, offset: 1 }
        const rolledUp = open()
        rolledUp.counters.fold({ decisions: batch, rewards: [], end }, NOW - 5 * DAY)
        tidyUp(rolledUp.database, NOW)
        const direct = open()
        direct.counters.fold({ decisions: batch, rewards: [], end }, NOW)
        expect(direct.counters.contents()).toEqual(rolledUp.counters.contents())
      }),
      { numRuns: 30 },
    )
  })

  it("shows in the statistics at once", () => {
    const { database, counters } = open()
    const query = { metric: "click", memory: { kind: "all" }, maturationSeconds: 0, now: NOON } as const
    const decided = () => counters.statistics({ experiment: "banner-ctr", query }).variants[0]?.totals.decisions
    const fold = (offset: number, at: number) => {
      const batch = [decisions({ ...KEY, bucket: NOW - 3 * DAY }, 1)]
      counters.fold({ decisions: batch, rewards: [], end: { file: 1, offset } }, at)
    }
    fold(1, NOW - 3 * DAY)
    expect(decided()).toBe(1)
    tidyUp(database, NOW)
    counters.tableChanged()
    expect(decided()).toBe(1)
    fold(2, NOW)
    expect(decided()).toBe(2)
    fold(3, NOW - 3 * DAY)
    expect(decided()).toBe(3)
    counters.reset()
    expect(decided()).toBeUndefined()
  })

  it("never changes what an hour adds up to", () => {
    const additions = fc.array(
      fc.record({
        age: fc.nat(4 * DAY),
        variant: fc.constantFrom("a", "b"),
        value: fc.integer({ min: -MAX_REWARD, max: MAX_REWARD }),
      }),
      { minLength: 1, maxLength: 60 },
    )
    fc.assert(
      fc.property(additions, fc.array(fc.nat(2 * DAY), { maxLength: 4 }), (all, tidyings) => {
        const { database, counters } = open()
        const batch = {
          decisions: all.map(({ age, variant }) => decisions({ ...KEY, variant, bucket: NOW - age }, 1)),
          rewards: all.map(({ age, variant, value }, index) =>
            rewardEvent({ decisionId: `D${index}`, variant, value, decidedAt: (NOW - age) * 1000 }),
          ),
          end: { file: 1, offset: 1 },
        }
        counters.fold(batch, NOW)
        const before = byHour(counters)
        let at = NOW
        for (const later of tidyings) {
          at += later
          tidyUp(database, at)
          expect(byHour(counters)).toEqual(before)
        }
      }),
      { numRuns: 50 },
    )
  })

  it("leaves apart what 64 bits can't hold together", () => {
    const { database, counters } = open()
    const insert = database.prepare("INSERT INTO counters VALUES ('e', 'click', 'a', ?, 1, 1, 1, 0, ?)")
    const large = 2n ** 62n
    for (const bucket of [7_200, 7_201, 7_202]) insert.run(bucket, large)
    insert.run(7_260, 5n)
    tidyUp(database, NOW)
    const cells = counters.contents().cells
    expect(cells.filter(({ widthSeconds }) => widthSeconds === 1)).toHaveLength(3)
    expect(cells.reduce((sum, { sumSq }) => sum + sumSq, 0n)).toBe(3n * large + 5n)
  })
})

describe("given credits", () => {
  it("forgets them when they expire and not before", () => {
    const { database, counters } = open()
    const reward = rewardEvent()
    counters.fold({ decisions: [], rewards: [reward], end: { file: 1, offset: 1 } }, NOW)
    tidyUp(database, NOW + 30 * DAY)
    expect(counters.seen([reward])).toEqual([true])
    tidyUp(database, NOW + 30 * DAY + 1)
    expect(counters.seen([reward])).toEqual([false])
  })
})
