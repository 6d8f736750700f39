import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "vitest"
import { createSqliteCounterStore } from "#src/adapters/sqlite/counter-store.ts"
import { Database } from "#src/adapters/sqlite/database.ts"
import { decisions, NOON, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const BATCH = {
  decisions: [decisions({ experiment: "banner-ctr", variant: "champion", metric: "click", bucket: NOON / 1000 }, 3)],
  rewards: [rewardEvent()],
  end: { file: 1, offset: 100 },
}

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
    await first.store.close()
    const second = open(path)
    expect(await second.store.position()).toEqual(BATCH.end)
    expect(await second.store.seen(BATCH.rewards)).toEqual([true])
    expect(await second.store.fold(BATCH)).toEqual(["duplicate"])
    await second.store.close()
    expect([...first.logger.messages, ...second.logger.messages]).toEqual([])
  })

  it("can be read beside its writer, and not written", async () => {
    const path = join(temporaryFolder(), "gateway.db")
    const writer = open(path)
    await writer.store.fold(BATCH)
    const reader = open(path, true)
    expect(await reader.store.position()).toEqual(BATCH.end)
    await expect(reader.store.reset()).rejects.toMatchObject({ code: "store_unavailable" })
    await reader.store.close()
    expect(await writer.store.position()).toEqual(BATCH.end)
    await writer.store.close()
  })

  it("commits nothing of a batch that fails half-way", async () => {
    const path = join(temporaryFolder(), "gateway.db")
    const { store } = open(path)
    await store.fold({ ...BATCH, rewards: [] })
    const other = new DatabaseSync(path)
    other.exec("CREATE TRIGGER refuse BEFORE INSERT ON credits BEGIN SELECT raise(ABORT, 'no room'); END")
    const next = { ...BATCH, end: { file: 1, offset: 200 } }
    await expect(store.fold(next)).rejects.toMatchObject({ code: "store_unavailable" })
    expect(await store.position()).toEqual(BATCH.end)
    other.exec("DROP TRIGGER refuse")
    other.close()
    expect(await store.fold(next)).toEqual(["applied"])
    const query = { metric: "click", memory: { kind: "all" }, maturationSeconds: 0, now: NOON } as const
    const { variants } = await store.statistics("banner-ctr", query)
    expect(variants).toMatchObject([{ totals: { decisions: 6, rewards: 1 } }])
    await store.close()
  })
})

describe("given a file that is no database", () => {
  it("fails every request, says so, and starts again once the file is gone", async () => {
    const path = join(temporaryFolder(), "gateway.db")
    writeFileSync(path, "no database at all ".repeat(100))
    const { store, logger } = open(path)
    await expect(store.fold(BATCH)).rejects.toMatchObject({ code: "store_unavailable" })
    await expect(store.position()).rejects.toMatchObject({ code: "store_unavailable" })
    expect(logger.messages).toContain("error: [sqlite] the database thread ended")
    rmSync(path)
    await expect.poll(() => store.fold(BATCH).catch(() => "still starting")).toEqual(["applied"])
    await store.close()
  })

  it("refuses a database of a later version", async () => {
    const path = join(temporaryFolder(), "gateway.db")
    const later = new DatabaseSync(path)
    later.exec("PRAGMA user_version = 99")
    later.close()
    const { store } = open(path)
    await expect(store.position()).rejects.toMatchObject({ code: "store_unavailable" })
    await store.close()
  })

  it("can be closed without ever having been used, and closed twice", async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, "gateway.db"))
    const { database } = open(join(folder, "gateway.db"))
    await database.close()
    await database.close()
    await expect(database.request("position", undefined)).rejects.toMatchObject({ code: "store_unavailable" })
  })
})
