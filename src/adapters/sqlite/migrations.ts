import type { DatabaseSync } from "node:sqlite"

/**
 * What brings a database from one version to the next: the first entry makes version 1 of an empty file. Only ever append: files of every
 * version are about. Each runs in a transaction of its own.
 */
export const MIGRATIONS: readonly ((database: DatabaseSync) => void)[] = [
  makeTables,
  countByLogAndGroup,
  sayWhoPublished,
  sayWhyAndWhatIsHeld,
]

/** Version 1: experiments, and the number that rises with an experiment's counters. */
function makeTables(database: DatabaseSync): void {
  database.exec(`
    CREATE TABLE versions (experiment TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE revisions (
      experiment TEXT NOT NULL, revision INTEGER NOT NULL, at INTEGER NOT NULL, document TEXT NOT NULL,
      PRIMARY KEY (experiment, revision)
    ) STRICT, WITHOUT ROWID;
  `)
}

/**
 * Version 2: counters of many logs, by cohort and series, with group rows and sketches. What version 1 counted goes: it is a fold of the log,
 * and is folded anew.
 *
 * A sum that would pass 64 bits goes on in the next `part` of its row. A second holds 9.2 * 10^9 of the largest rewards in one part.
 */
function countByLogAndGroup(database: DatabaseSync): void {
  database.exec(`
    DROP TABLE IF EXISTS counters;
    DROP TABLE IF EXISTS credits;
    DROP TABLE IF EXISTS position;
    UPDATE versions SET version = version + 1;

    CREATE TABLE counter_names (
      id INTEGER PRIMARY KEY AUTOINCREMENT, experiment TEXT NOT NULL, cohort TEXT NOT NULL, variant TEXT NOT NULL, series INTEGER NOT NULL,
      metric TEXT NOT NULL, UNIQUE (experiment, cohort, variant, series, metric)
    ) STRICT;
    CREATE TABLE counters (
      name INTEGER NOT NULL, width INTEGER NOT NULL, bucket INTEGER NOT NULL, part INTEGER NOT NULL,
      count INTEGER NOT NULL, sum INTEGER NOT NULL, sum_sq INTEGER NOT NULL, PRIMARY KEY (name, width, bucket, part)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE group_rows (
      name INTEGER NOT NULL, epoch INTEGER NOT NULL, width INTEGER NOT NULL, start INTEGER NOT NULL, part INTEGER NOT NULL,
      cells BLOB NOT NULL, PRIMARY KEY (name, epoch, width, start, part)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX group_rows_by_age ON group_rows (width, start);
    CREATE TABLE sketches (
      experiment TEXT NOT NULL, variant TEXT NOT NULL, series INTEGER NOT NULL, width INTEGER NOT NULL, start INTEGER NOT NULL,
      registers BLOB NOT NULL, PRIMARY KEY (experiment, variant, series, width, start)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sketches_by_age ON sketches (width, start);
    CREATE TABLE credits (
      decision TEXT NOT NULL, metric TEXT NOT NULL, entries TEXT NOT NULL, expires INTEGER NOT NULL,
      PRIMARY KEY (decision, metric)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX credits_by_expiry ON credits (expires);
    CREATE TABLE positions (
      experiment TEXT NOT NULL, log TEXT NOT NULL, file INTEGER NOT NULL, offset INTEGER NOT NULL, hash TEXT NOT NULL,
      answers TEXT NOT NULL, PRIMARY KEY (experiment, log)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE logs (log TEXT PRIMARY KEY, seen INTEGER NOT NULL, folded_to INTEGER) STRICT, WITHOUT ROWID;
    CREATE TABLE resolutions (
      experiment TEXT PRIMARY KEY, memory REAL, forgotten_after REAL, maturation REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE trusted_time (only INTEGER PRIMARY KEY CHECK (only = 1), at INTEGER NOT NULL) STRICT;
  `)
}

/** Version 3: where a revision came from, who made it, what it changed, which models it was served with, and its series. */
function sayWhoPublished(database: DatabaseSync): void {
  database.exec(`
    ALTER TABLE revisions ADD COLUMN source TEXT NOT NULL DEFAULT 'folder';
    ALTER TABLE revisions ADD COLUMN actor TEXT NOT NULL DEFAULT 'experiments-folder';
    ALTER TABLE revisions ADD COLUMN diff TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE revisions ADD COLUMN models TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE revisions ADD COLUMN lineage TEXT NOT NULL DEFAULT '{"series":{},"epoch":1,"metrics":{}}';
  `)
}

/** Version 4: what a revision's author said about it, and what a pause holds back. */
function sayWhyAndWhatIsHeld(database: DatabaseSync): void {
  database.exec(`
    ALTER TABLE revisions ADD COLUMN reason TEXT;
    ALTER TABLE revisions ADD COLUMN held TEXT;
  `)
}
