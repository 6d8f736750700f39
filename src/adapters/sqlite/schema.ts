import { DatabaseSync } from "node:sqlite"
import { GatewayError } from "../../domain/errors.ts"
import { MIGRATIONS } from "./migrations.ts"

/** The version of a database that this gateway has opened for writing. */
export const DATABASE_VERSION = MIGRATIONS.length

/**
 * Opens the gateway's database and brings it to this program's version.
 *
 * Commits reach the operating system, not the disk (`synchronous = NORMAL`): counters that a power failure takes back are folded again from
 * the log.
 *
 * On a disk that is full it is opened for this process alone, which takes no room: what is there can be read, and written once there is
 * room again.
 *
 * @throws GatewayError `config_invalid` when the file is damaged, newer than this program, or older and may not be written; the database's own
 *         error when the disk doesn't take what a new one needs
 */
export function openDatabase(path: string, readOnly: boolean): DatabaseSync {
  try {
    return openAs(path, readOnly, "NORMAL")
  } catch (error) {
    const result = resultOf(error)
    if (result === CORRUPT || result === NO_DATABASE) {
      throw new GatewayError("config_invalid", { detail: `[sqlite] ${path} is damaged`, cause: error })
    }
    if (readOnly || !NO_ROOM.includes(result)) throw error
    return openAs(path, readOnly, "EXCLUSIVE")
  }
}

/** After so many pages, 16 MB, SQLite copies its log into the database: folds write the same pages again and again, and each is copied once. */
const WAL_PAGES = 4_000

/** SQLite's primary result codes. */
const IO_ERROR = 10
const CORRUPT = 11
const FULL = 13
const CAN_NOT_OPEN = 14
const NO_DATABASE = 26
/** What a full disk is answered with, depending on what had to be written. */
const NO_ROOM: readonly number[] = [IO_ERROR, FULL, CAN_NOT_OPEN]

/** 0 for an error that isn't SQLite's. */
function resultOf(error: unknown): number {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0
}

/** A database with the locking mode `EXCLUSIVE` needs no file for memory that processes share. */
function openAs(path: string, readOnly: boolean, locking: "NORMAL" | "EXCLUSIVE"): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly, timeout: 2_000 })
  try {
    // Before anything is read: even the version can't be where there is no room for that file.
    database.exec(`PRAGMA locking_mode = ${locking}`)
    refuseNewer(versionOf(database))
    if (readOnly) refuseOlder(versionOf(database))
    else {
      database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = ${WAL_PAGES}`)
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
  throw new GatewayError("config_invalid", {
    detail: `the database has version ${version}, which is newer than this program's ${MIGRATIONS.length}: run the program that wrote it, or a later one`,
  })
}

function refuseOlder(version: number): void {
  if (version >= MIGRATIONS.length) return
  throw new GatewayError("config_invalid", {
    detail: `the database has version ${version}, and this program reads version ${MIGRATIONS.length}: start the gateway once to bring it up to date`,
  })
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
