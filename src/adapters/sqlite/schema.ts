import { DatabaseSync } from "node:sqlite"

/**
 * `counters.sum_sq` of one fresh second holds 92,000 of the largest rewards before it passes 64 bits; roll-ups that would pass are not done.
 * `position` and `counters` change in one transaction, which is what makes a fold idempotent.
 */
const FIRST_TABLES = `
  CREATE TABLE IF NOT EXISTS counters (
    experiment TEXT NOT NULL, metric TEXT NOT NULL, variant TEXT NOT NULL, bucket INTEGER NOT NULL, width INTEGER NOT NULL,
    decisions INTEGER NOT NULL, rewards INTEGER NOT NULL, sum INTEGER NOT NULL, sum_sq INTEGER NOT NULL,
    PRIMARY KEY (experiment, metric, variant, width, bucket)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS counters_by_age ON counters (width, bucket);
  CREATE TABLE IF NOT EXISTS credits (
    decision TEXT NOT NULL, metric TEXT NOT NULL, value INTEGER NOT NULL, counted INTEGER NOT NULL, event_ids TEXT NOT NULL,
    expires INTEGER NOT NULL, PRIMARY KEY (decision, metric)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS credits_by_expiry ON credits (expires);
  CREATE TABLE IF NOT EXISTS versions (experiment TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS position (
    only INTEGER PRIMARY KEY CHECK (only = 1), file INTEGER NOT NULL, offset INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS revisions (
    experiment TEXT NOT NULL, revision INTEGER NOT NULL, at INTEGER NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (experiment, revision)
  ) STRICT, WITHOUT ROWID;
`

const REVISIONS_SAY_WHO = `
  ALTER TABLE revisions ADD COLUMN source TEXT NOT NULL DEFAULT 'folder';
  ALTER TABLE revisions ADD COLUMN actor TEXT NOT NULL DEFAULT 'experiments-folder';
  ALTER TABLE revisions ADD COLUMN diff TEXT NOT NULL DEFAULT '[]';
  ALTER TABLE revisions ADD COLUMN models TEXT NOT NULL DEFAULT '{}';
`

/** Each makes the next version of the database out of the one before. Only ever added to: there are databases at each of them. */
const MIGRATIONS: readonly string[] = [FIRST_TABLES, REVISIONS_SAY_WHO]

/** The version of a database that this gateway has opened for writing. */
export const DATABASE_VERSION = MIGRATIONS.length

/**
 * Opens the gateway's database, makes its tables or brings those of an earlier version up to date. Writes nothing where they are.
 *
 * Commits reach the operating system, not the disk (`synchronous = NORMAL`): counters that a power failure takes back are folded again from the log.
 *
 * @throws Error when the file is not such a database, or of a later version
 */
export function openDatabase(path: string, readOnly: boolean): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly, timeout: 2_000 })
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"])
  if (version > DATABASE_VERSION) throw new Error(`database version ${version} is newer than ${DATABASE_VERSION}`)
  if (!readOnly) migrate(database, version)
  return database
}

function migrate(database: DatabaseSync, from: number): void {
  for (let version = from; version < DATABASE_VERSION; version++) {
    inTransaction(database, () => {
      database.exec(MIGRATIONS[version] ?? "")
      database.exec(`PRAGMA user_version = ${version + 1}`)
    })
  }
}

/** Runs `work` in one transaction: all of it is committed, or none. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE")
  try {
    const result = work()
    database.exec("COMMIT")
    return result
  } catch (error) {
    // SQLite has rolled back already after some errors, a full disk among them.
    if (database.isTransaction) database.exec("ROLLBACK")
    throw error
  }
}
