import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "vitest"
import { createSqliteCounterStore } from "#src/adapters/sqlite/counter-store.ts"
import { Database } from "#src/adapters/sqlite/database.ts"
import { createSqliteExperimentStore } from "#src/adapters/sqlite/experiment-store.ts"
import { MIGRATIONS } from "#src/adapters/sqlite/migrations.ts"
import { openDatabase } from "#src/adapters/sqlite/schema.ts"
import { batchOf, place } from "#test/fold-batch.ts"
import { ALL_OF_CHAMPION, decisionEvent, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

/** A database as version 1 of the program left it: one log's counters, and an experiment. */
function writeVersion1(path: string): void {
  const database = new DatabaseSync(path)
  database.exec(`
    PRAGMA journal_mode = WAL;
    CREATE TABLE counters (
      experiment TEXT NOT NULL, metric TEXT NOT NULL, variant TEXT NOT NULL, bucket INTEGER NOT NULL, width INTEGER NOT NULL,
      decisions INTEGER NOT NULL, rewards INTEGER NOT NULL, sum INTEGER NOT NULL, sum_sq INTEGER NOT NULL,
      PRIMARY KEY (experiment, metric, variant, width, bucket)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX counters_by_age ON counters (width, bucket);
    CREATE TABLE credits (
      decision TEXT NOT NULL, metric TEXT NOT NULL, value INTEGER NOT NULL, counted INTEGER NOT NULL, event_ids TEXT NOT NULL,
      expires INTEGER NOT NULL, PRIMARY KEY (decision, metric)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX credits_by_expiry ON credits (expires);
    CREATE TABLE versions (experiment TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE position (
      only INTEGER PRIMARY KEY CHECK (only = 1), file INTEGER NOT NULL, offset INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE revisions (
      experiment TEXT NOT NULL, revision INTEGER NOT NULL, at INTEGER NOT NULL, document TEXT NOT NULL,
      PRIMARY KEY (experiment, revision)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO counters VALUES ('banner-ctr', 'click', 'champion', 1795176000, 1, 5, 1, 1000000, 1000000);
    INSERT INTO credits VALUES ('D1', 'click', 1000000, 1, '["r-D1-click"]', 1800000000);
    INSERT INTO versions VALUES ('banner-ctr', 41);
    INSERT INTO position VALUES (1, 3, 900);
    INSERT INTO revisions VALUES ('banner-ctr', 2, 1795176000000, '{"id":"banner-ctr"}');
    PRAGMA user_version = 1;
  `)
  database.close()
}

function versionOf(path: string): unknown {
  const database = new DatabaseSync(path)
  const version = database.prepare("PRAGMA user_version").get()?.["user_version"]
  database.close()
  return version
}

describe("given a database of version 1", () => {
  it("keeps experiments and state versions, and counts anew, from the start of the log", async () => {
    const path = join(temporaryFolder(), "gateway.db")
    writeVersion1(path)
    const database = new Database({ path }, createRememberingLogger())
    const store = createSqliteCounterStore(database)
    expect(await createSqliteExperimentStore(database).latest()).toMatchObject([
      { experiment: "banner-ctr", revision: 2 },
    ])
    expect(await store.positions("L1")).toEqual(new Map())
    expect(await store.contents()).toEqual({ positions: [], cells: [], groups: [], sketches: [] })
    expect(await store.seen([rewardEvent()])).toEqual([false])
    const folded = await store.fold(batchOf([decisionEvent(), rewardEvent()], { end: place(1) }))
    expect(folded).toEqual({ status: "folded", answers: ["applied"] })
    const statistics = await store.statistics("banner-ctr", ALL_OF_CHAMPION)
    expect(statistics.stateVersion).toBeGreaterThan(41)
    expect(statistics.variants).toMatchObject([{ totals: { decisions: 1, rewards: 1 } }])
    await store.close()
    expect(versionOf(path)).toBe(MIGRATIONS.length)
  })

  it("is left as it was by a step that fails, and brought up to date by the next start", () => {
    const path = join(temporaryFolder(), "gateway.db")
    writeVersion1(path)
    const other = new DatabaseSync(path)
    // What a migration would make is in its way.
    other.exec("CREATE TABLE logs (taken INTEGER)")
    expect(() => openDatabase(path, false)).toThrow(/already exists/)
    expect(versionOf(path)).toBe(1)
    expect(other.prepare("SELECT decisions FROM counters").all()).toMatchObject([{ decisions: 5 }])
    other.exec("DROP TABLE logs")
    other.close()
    openDatabase(path, false).close()
    expect(versionOf(path)).toBe(MIGRATIONS.length)
  })

  it("is not read by somebody who may not bring it up to date", () => {
    const path = join(temporaryFolder(), "gateway.db")
    writeVersion1(path)
    expect(() => openDatabase(path, true)).toThrow(
      `the database has version 1, and this program reads version ${MIGRATIONS.length}: start the gateway once to bring it up to date`,
    )
    expect(versionOf(path)).toBe(1)
  })
})

describe("given a database of a later version", () => {
  it.each([true, false])("refuses it with a sentence (read only: %s)", async (readOnly) => {
    const path = join(temporaryFolder(), "gateway.db")
    const later = new DatabaseSync(path)
    later.exec("PRAGMA user_version = 99")
    later.close()
    expect(() => openDatabase(path, readOnly)).toThrow(
      `the database has version 99, which is newer than this program's ${MIGRATIONS.length}: run the program that wrote it, or a later one`,
    )
    expect(versionOf(path)).toBe(99)
    const store = createSqliteCounterStore(new Database({ path, readOnly }, createRememberingLogger()))
    await expect(store.positions("L1")).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("newer than this program"),
    })
    await store.close()
  })
})

describe("given a new file", () => {
  it("has the version of the program, and is opened again as it is", () => {
    const path = join(temporaryFolder(), "gateway.db")
    openDatabase(path, false).close()
    expect(versionOf(path)).toBe(MIGRATIONS.length)
    const again = openDatabase(path, true)
    expect(again.prepare("SELECT count(*) AS rows FROM counters").get()).toMatchObject({ rows: 0 })
    again.close()
  })
})
