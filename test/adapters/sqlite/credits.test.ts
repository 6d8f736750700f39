import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { tidyUp } from "#src/adapters/sqlite/upkeep.ts"
import { NOON, rewardEvent } from "#test/outcomes.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { openTables } from "./opened-tables.ts"

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** A reward whose token dies an hour later: it is remembered until noon and 25 hours. */
const REWARD = rewardEvent({ expiresAt: NOON + HOUR_MS })

type Opened = ReturnType<typeof openTables>

/** Time goes by, and the logs are heard of all along. */
function live(opened: Opened, ms: number, logs: readonly string[] = ["L1"]): void {
  const until = opened.clock.now() + ms
  while (opened.clock.now() < until) {
    opened.clock.pass(Math.min(HOUR_MS, until - opened.clock.now()))
    for (const log of logs) opened.counters.alive(log, opened.clock.now())
    opened.tidy()
  }
}

describe("given the credit of a token", () => {
  it("is forgotten when the token has been dead for a day, and not before", () => {
    const opened = openTables()
    opened.fold({ rewards: [REWARD] })
    live(opened, 25 * HOUR_MS)
    expect(opened.counters.seen([REWARD])).toEqual([true])
    live(opened, 1_000)
    expect(opened.counters.seen([REWARD])).toEqual([false])
  })

  it("waits for every log that is registered until it is folded as far", () => {
    const opened = openTables()
    opened.fold({ rewards: [REWARD] })
    opened.counters.alive("L2", NOON)
    live(opened, 3 * DAY_MS)
    expect(opened.counters.seen([REWARD])).toEqual([true])
    opened.counters.alive("L2", NOON + 25 * HOUR_MS)
    opened.tidy()
    expect(opened.counters.seen([REWARD])).toEqual([true])
    opened.counters.alive("L2", NOON + 25 * HOUR_MS + 1_000)
    opened.tidy()
    expect(opened.counters.seen([REWARD])).toEqual([false])
  })

  it("waits for a log that has folded and never said how far, and no longer than until it lapses", () => {
    const opened = openTables()
    opened.fold({ rewards: [REWARD] })
    opened.fold({ log: "silent" })
    live(opened, 7 * DAY_MS)
    expect(opened.counters.seen([REWARD])).toEqual([true])
    live(opened, 1_000)
    expect(opened.counters.seen([REWARD])).toEqual([false])
    expect(opened.fold({ log: "silent" })).toEqual({ status: "lapsed" })
  })

  it("outlives a clock that is 70 days ahead for half a minute and then back", () => {
    const opened = openTables()
    opened.fold({ rewards: [REWARD] })
    opened.clock.jump(70 * DAY_MS)
    for (let seconds = 0; seconds < 30; seconds++) {
      opened.clock.pass(1_000)
      opened.counters.alive("L1", opened.clock.now())
      opened.tidy()
    }
    opened.clock.jump(-70 * DAY_MS)
    opened.counters.alive("L1", opened.clock.now())
    opened.tidy()
    expect(opened.counters.seen([REWARD])).toEqual([true])
    expect(opened.fold({ rewards: [REWARD] })).toEqual({ status: "folded", answers: ["duplicate"] })
    live(opened, 25 * HOUR_MS + 1_000)
    expect(opened.counters.seen([REWARD])).toEqual([false])
  })

  it("outlives a restart while the clock is ahead", () => {
    const path = join(temporaryFolder(), "gateway.db")
    const before = openTables({ path })
    before.fold({ rewards: [REWARD] })
    before.tidy()
    before.database.close()
    const ahead = openTables({ path, clock: new SharedClock(NOON + 70 * DAY_MS) })
    ahead.counters.alive("L1", ahead.clock.now())
    ahead.tidy()
    ahead.clock.pass(30_000)
    ahead.tidy()
    expect(ahead.counters.seen([REWARD])).toEqual([true])
    ahead.database.close()
    const after = openTables({ path, clock: new SharedClock(NOON + 90_000) })
    after.tidy()
    expect(after.counters.seen([REWARD])).toEqual([true])
  })

  it("is kept longer, not shorter, after a long stop", () => {
    const path = join(temporaryFolder(), "gateway.db")
    const before = openTables({ path })
    before.fold({ rewards: [REWARD] })
    before.counters.alive("L1", NOON)
    before.tidy()
    before.database.close()
    const after = openTables({ path, clock: new SharedClock(NOON + 10 * DAY_MS) })
    expect(after.counters.alive("L1", after.clock.now())).toEqual({ lapsed: false })
    after.tidy()
    expect(after.counters.seen([REWARD])).toEqual([true])
    live(after, 13 * HOUR_MS)
    expect(after.counters.seen([REWARD])).toEqual([false])
  })

  it("goes with thousands of others, a part at a time: a fold in between is not kept waiting, and all go", () => {
    const opened = openTables()
    const rewards = Array.from({ length: 12_345 }, (_, index) =>
      rewardEvent({ decisionId: `D${index}`, expiresAt: NOON + HOUR_MS }),
    )
    opened.fold({ rewards })
    opened.clock.pass(26 * HOUR_MS)
    opened.counters.alive("L1", opened.clock.now())
    const left = () => Number(opened.database.prepare("SELECT count(*) AS left FROM credits").get()?.["left"])
    const lefts: number[] = []
    for (const _ of tidyUp(opened.tables)) {
      // Between two steps the database is nobody's.
      expect(opened.database.isTransaction).toBe(false)
      lefts.push(left())
    }
    const gone = lefts.map((after, index) => (lefts[index - 1] ?? 12_345) - after)
    expect(Math.max(...gone)).toBe(1_000)
    expect(lefts.at(-1)).toBe(0)
    expect(opened.fold({ rewards: rewards.slice(0, 1) })).toEqual({ status: "folded", answers: ["applied"] })
  })
})
