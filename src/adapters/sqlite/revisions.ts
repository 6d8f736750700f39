import type { DatabaseSync } from "node:sqlite"
import { GatewayError } from "../../domain/errors.ts"
import type { ExperimentId } from "../../domain/ids.ts"
import type { StoredRevision } from "../../ports/experiment-store.ts"

/** Experiments and their revisions in SQLite. Synchronous: lives in the worker. */
export class Revisions {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  latest(): StoredRevision[] {
    // `max` makes SQLite take the other columns from the row that has it.
    const rows = this.#database
      .prepare("SELECT experiment, max(revision) AS revision, at, document FROM revisions GROUP BY experiment")
      .all()
    return rows.flatMap(({ experiment, revision, at, document }) =>
      isExperimentId(experiment)
        ? { experiment, revision: Number(revision), at: Number(at), document: JSON.parse(String(document)) }
        : [],
    )
  }

  append(revision: StoredRevision): void {
    const newest = this.#database
      .prepare("SELECT max(revision) AS revision FROM revisions WHERE experiment = ?")
      .get(revision.experiment)
    if (revision.revision <= Number(newest?.["revision"] ?? 0)) {
      throw new GatewayError("internal", {
        detail: `[sqlite] revision ${revision.revision} of ${revision.experiment} is not after the newest`,
      })
    }
    // A revision is answered for, so its commit reaches the disk; counters come back from the log and needn't.
    this.#database.exec("PRAGMA synchronous = FULL")
    try {
      this.#database
        .prepare("INSERT INTO revisions (experiment, revision, at, document) VALUES (?, ?, ?, ?)")
        .run(revision.experiment, revision.revision, revision.at, JSON.stringify(revision.document))
    } finally {
      this.#database.exec("PRAGMA synchronous = NORMAL")
    }
  }
}

/** Only parsed documents were appended, so every name in the table is one. */
function isExperimentId(name: unknown): name is ExperimentId {
  return typeof name === "string"
}
