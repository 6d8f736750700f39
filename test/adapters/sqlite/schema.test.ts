import { statSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { expect, it } from "vitest"
import { Revisions } from "#src/adapters/sqlite/revisions.ts"
import { DATABASE_VERSION, openDatabase } from "#src/adapters/sqlite/schema.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

/** The revisions of a database of version 1, as that version made them. */
const VERSION_1 = `
  CREATE TABLE versions (experiment TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE revisions (
    experiment TEXT NOT NULL, revision INTEGER NOT NULL, at INTEGER NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (experiment, revision)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO revisions VALUES ('banner', 3, 1000, '{"id":"banner"}');
  PRAGMA user_version = 1;
`

it("brings a database of version 1 up to date and keeps what it has", () => {
  const path = join(temporaryFolder(), "gateway.db")
  const old = new DatabaseSync(path)
  old.exec(VERSION_1)
  old.close()
  const database = openDatabase(path, false)
  expect(new Revisions(database).latest()).toEqual([
    {
      experiment: "banner",
      revision: 3,
      at: 1000,
      document: { id: "banner" },
      source: "folder",
      actor: "experiments-folder",
      diff: [],
      models: {},
      lineage: { series: {}, epoch: 1, metrics: {} },
    },
  ])
  expect(database.prepare("PRAGMA user_version").get()).toEqual({ user_version: DATABASE_VERSION })
  database.close()
})

it("writes nothing to a database that is up to date", () => {
  const path = join(temporaryFolder(), "gateway.db")
  openDatabase(path, false).close()
  const database = openDatabase(path, false)
  expect(database.prepare("SELECT total_changes() AS changes").get()).toEqual({ changes: 0 })
  expect(statSync(`${path}-wal`).size).toBe(0)
  database.close()
})
