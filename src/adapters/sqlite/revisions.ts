import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
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
      .prepare(
        "SELECT experiment, max(revision) AS revision, at, document, source, actor, diff, models FROM revisions GROUP BY experiment",
      )
      .all()
    return rows.map(toRevision)
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
        .prepare(
          "INSERT INTO revisions (experiment, revision, at, document, source, actor, diff, models) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .run(
          revision.experiment,
          revision.revision,
          revision.at,
          JSON.stringify(revision.document),
          revision.source,
          revision.actor,
          JSON.stringify(revision.diff),
          JSON.stringify(revision.models),
        )
    } finally {
      this.#database.exec("PRAGMA synchronous = NORMAL")
    }
  }
}

/** Only parsed documents were appended, so every name in the table is an experiment's id. */
function toRevision(row: Record<string, SQLOutputValue>): StoredRevision {
  return {
    experiment: String(row["experiment"]) as ExperimentId,
    revision: Number(row["revision"]),
    at: Number(row["at"]),
    document: JSON.parse(String(row["document"])),
    source: row["source"] === "api" ? "api" : "folder",
    actor: String(row["actor"]),
    diff: JSON.parse(String(row["diff"])) as string[],
    models: JSON.parse(String(row["models"])) as Record<string, string>,
  }
}
