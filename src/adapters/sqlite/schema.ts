import { DatabaseSync } from "node:sqlite"
import { MIGRATIONS } from "./migrations.ts"

/** The version of a database that this gateway has opened for writing. */
export const DATABASE_VERSION = MIGRATIONS.length

/**
 * Opens the gateway's database and brings it to this program's version.
 *
 * Commits reach the operating system, not the disk (`synchronous = NORMAL`): counters that a power failure takes back are folded again from
 * the log.
 *
 * @throws Error when the file is no database, is newer than this program, or is older and may not be written
 */
export function openDatabase(path: string, readOnly: boolean): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly, timeout: 2_000 })
  try {
    refuseNewer(versionOf(database))
    if (readOnly) refuseOlder(versionOf(database))
    else {
      database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
      migrate(database)
    }
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function migrate(database: DatabaseSync): void {
  while (versionOf(database) !== MIGRATIONS.length) {
    inTransaction(database, () => {
      // Read again inside the transaction: another process may have done this step meanwhile.
      const version = versionOf(database)
      refuseNewer(version)
      MIGRATIONS[version]?.(database)
      database.exec(`PRAGMA user_version = ${Math.min(version + 1, MIGRATIONS.length)}`)
    })
  }
}

function refuseNewer(version: number): void {
  if (version <= MIGRATIONS.length) return
  throw new Error(
    `the database has version ${version}, which is newer than this program's ${MIGRATIONS.length}: run the program that wrote it, or a later one`,
  )
}

function refuseOlder(version: number): void {
  if (version >= MIGRATIONS.length) return
  throw new Error(
    `the database has version ${version}, and this program reads version ${MIGRATIONS.length}: start the gateway once to bring it up to date`,
  )
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.["user_version"])
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
