import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "vitest"
import { createSqliteCounterStore } from "#src/adapters/sqlite/counter-store.ts"
import { Database } from "#src/adapters/sqlite/database.ts"
import { batchOf, place } from "#test/fold-batch.ts"
import { ALL_OF_CHAMPION, decisionEvent, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const REWARD = rewardEvent()
const BATCH = batchOf([decisionEvent(), decisionEvent({ decisionId: "D2" }), REWARD], { end: place(100) })
const FOLDED = { status: "folded", answers: ["applied"] }
const STANDS = new Map([["banner-ctr", place(100)]])

function open(path: string, readOnly = false) {
  const logger = createRememberingLogger()
  const database = new Database({ path, readOnly }, logger)
  return { database, store: createSqliteCounterStore(database), logger }
}

describe("given a database file", () => {
  it("has everything again after it was closed and opened", async () => {
    const path = join(temporaryFolder(), "gateway.db")
    const first = open(path)
    await first.store.fold(BATCH)
    const before = [await first.store.contents(), await first.store.groups("banner-ctr")]
    await first.store.close()
    const second = open(path)
    expect([await second.store.contents(), await second.store.groups("banner-ctr")]).toEqual(before)
    expect(await second.store.positions("L1")).toEqual(STANDS)
    expect(await second.store.seen([REWARD])).toEqual([true])
    expect(await second.store.fold(BATCH)).toEqual(FOLDED)
    expect([await second.store.contents(), await second.store.groups("banner-ctr")]).toEqual(before)
    await second.store.close()
    expect([...first.logger.messages, ...second.logger.messages]).toEqual([])
  })

  it("can be read beside its writer, and not written", async () => {
    const path = join(temporaryFolder(), "gateway.db")
    const writer = open(path)
    await writer.store.fold(BATCH)
    const reader = open(path, true)
    expect(await reader.store.positions("L1")).toEqual(STANDS)
    await expect(reader.store.reset()).rejects.toMatchObject({ code: "store_unavailable" })
    const decided = async () =>
      (await reader.store.statistics("banner-ctr", ALL_OF_CHAMPION)).variants[0]?.totals.decisions
    expect(await decided()).toBe(2)
    const next = batchOf([decisionEvent({ decisionId: "D3" })], { from: place(100), end: place(200) })
    await writer.store.fold(next)
    expect(await decided()).toBe(3)
    await reader.store.close()
    expect(reader.logger.messages).toEqual([])
    expect(await writer.store.positions("L1")).toEqual(new Map([["banner-ctr", place(200)]]))
    await writer.store.close()
  })

  it("commits nothing of a batch that fails half-way", async () => {
    const path = join(temporaryFolder(), "gateway.db")
    const { store } = open(path)
    await store.fold({ ...BATCH, rewards: [] })
    const other = new DatabaseSync(path)
    // After the credit, the counters, groups and sketches have been added to.
    other.exec("CREATE TRIGGER refuse BEFORE UPDATE ON positions BEGIN SELECT raise(ABORT, 'no room'); END")
    const newcomer = decisionEvent({
      decisionId: "D9",
      variant: "newcomer",
      allocation: { newcomer: 1 },
      propensity: 1,
    })
    const next = batchOf([newcomer, REWARD], { from: place(100), end: place(200) })
    const asked = { ...ALL_OF_CHAMPION, series: { champion: 1, newcomer: 1 } }
    const before = [
      await store.contents(),
      await store.groups("banner-ctr"),
      await store.statistics("banner-ctr", asked),
    ]
    await expect(store.fold(next)).rejects.toMatchObject({ code: "store_unavailable" })
    const after = [
      await store.contents(),
      await store.groups("banner-ctr"),
      await store.statistics("banner-ctr", asked),
    ]
    expect(after).toEqual(before)
    expect(await store.seen([REWARD])).toEqual([false])
    other.exec("DROP TRIGGER refuse")
    other.close()
    expect(await store.fold(next)).toEqual(FOLDED)
    const { variants } = await store.statistics("banner-ctr", asked)
    expect(variants).toMatchObject([{ totals: { decisions: 2, rewards: 1 } }, { totals: { decisions: 1 } }])
    await store.close()
  })

  it("refuses additions that are no whole numbers, and folds on", async () => {
    const { store, logger } = open(join(temporaryFolder(), "gateway.db"))
    const key = {
      experiment: "banner-ctr",
      cohort: "learned",
      variant: "champion",
      series: 1,
      metric: "",
      bucket: 1,
    } as const
    for (const count of [0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      const counters = [{ key, delta: { count, sum: 0, sumSq: 0 } }]
      await expect(store.fold({ ...BATCH, counters })).rejects.toMatchObject({ code: "store_unavailable" })
      const groups = BATCH.groups.map((addition) => ({ ...addition, delta: { ...addition.delta, weighted: count } }))
      await expect(store.fold({ ...BATCH, groups })).rejects.toMatchObject({ code: "store_unavailable" })
    }
    expect(await store.fold(BATCH)).toEqual(FOLDED)
    expect(logger.messages).toEqual([])
    await store.close()
  })

  it("tidies up while it is folded into: folds are answered between the steps", async () => {
    const clock = new SharedClock()
    const logger = createRememberingLogger()
    const path = join(temporaryFolder(), "gateway.db")
    const store = createSqliteCounterStore(new Database({ path, clock: clock.shared }, logger))
    const rewards = Array.from({ length: 20_000 }, (_, index) => rewardEvent({ decisionId: `D${index}` }))
    await store.fold({ ...BATCH, rewards })
    clock.pass(3 * 86_400_000)
    await store.alive("L1", clock.now())
    const reader = new DatabaseSync(path, { readOnly: true })
    const left = () => Number(reader.prepare("SELECT count(*) AS left FROM credits").get()?.["left"])
    const lefts: number[] = []
    let end = 100
    while (left() > 0) {
      const answer = await store.fold(batchOf([decisionEvent()], { from: place(end), end: place(end + 1) }))
      expect(answer.status).toBe("folded")
      end += 1
      lefts.push(left())
    }
    reader.close()
    expect(lefts.filter((count) => count > 0 && count < 20_000).length).toBeGreaterThan(0)
    const { cells } = await store.contents()
    expect(cells.map(({ widthSeconds }) => widthSeconds)).toEqual(cells.map(() => 3_600))
    await store.close()
    expect(logger.messages).toEqual([])
  })
})

describe("given a file that is no database", () => {
  it("fails every request, says so, and starts again once the file is gone", async () => {
    const path = join(temporaryFolder(), "gateway.db")
    writeFileSync(path, "no database at all ".repeat(100))
    const { store } = open(path)
    await expect(store.fold(BATCH)).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringMatching(/is damaged/),
    })
    await expect(store.positions("L1")).rejects.toMatchObject({ code: "config_invalid" })
    rmSync(path)
    await expect.poll(() => store.fold(BATCH).catch(() => "still starting")).toEqual(FOLDED)
    await store.close()
  })

  it("refuses a database of a later version", async () => {
    const path = join(temporaryFolder(), "gateway.db")
    const later = new DatabaseSync(path)
    later.exec("PRAGMA user_version = 99")
    later.close()
    const { store } = open(path)
    await expect(store.positions("L1")).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringMatching(/newer than this program/),
    })
    await store.close()
  })

  it("can be closed without ever having been used, and closed twice", async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, "gateway.db"))
    const { database } = open(join(folder, "gateway.db"))
    await database.close()
    await database.close()
    await expect(database.request("positions", "L1")).rejects.toMatchObject({ code: "store_unavailable" })
  })
})
