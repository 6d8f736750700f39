import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import { GatewayError } from "../../domain/errors.ts"
import type { HeldStatus } from "../../domain/events.ts"
import type { ExperimentId } from "../../domain/ids.ts"
import type { Lineage } from "../../domain/series.ts"
import type { StoredRevision } from "../../ports/experiment-store.ts"
import { inTransaction } from "./schema.ts"

/** Experiments and their revisions in SQLite. Synchronous: lives in the worker. */
export class Revisions {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  latest(): StoredRevision[] {
    // `max` makes SQLite take the other columns from the row that has it.
    const columns = COLUMNS.replace("revision", "max(revision) AS revision")
    return this.#database.prepare(`SELECT ${columns} FROM revisions GROUP BY experiment`).all().map(toRevision)
  }

  newest(): { readonly experiment: ExperimentId; readonly revision: number }[] {
    return this.#database
      .prepare("SELECT experiment, max(revision) AS revision FROM revisions GROUP BY experiment")
      .all()
      .map(({ experiment, revision }) => ({ experiment: toExperimentId(experiment), revision: Number(revision) }))
  }

  history(experiment: string): StoredRevision[] {
    return this.#database
      .prepare(`SELECT ${COLUMNS} FROM revisions WHERE experiment = ? ORDER BY revision`)
      .all(experiment)
      .map(toRevision)
  }

  append(revision: StoredRevision, after: number): void {
    if (revision.revision <= after) {
      throw new GatewayError("internal", {
        detail: `[sqlite] revision ${revision.revision} of ${revision.experiment} is not after ${after}`,
      })
    }
    // A revision is answered for, so its commit reaches the disk; counters come back from the log and needn't.
    this.#database.exec("PRAGMA synchronous = FULL")
    try {
      inTransaction(this.#database, () => this.#appendAfter(revision, after))
    } finally {
      this.#database.exec("PRAGMA synchronous = NORMAL")
    }
  }

  #appendAfter(revision: StoredRevision, after: number): void {
    const { experiment, document, diff, models } = revision
    const row = this.#database
      .prepare("SELECT max(revision) AS revision FROM revisions WHERE experiment = ?")
      .get(experiment)
    const newest = Number(row?.["revision"] ?? 0)
    if (newest !== after) {
      throw new GatewayError("revision_conflict", { detail: `${experiment} is at revision ${newest}, not ${after}` })
    }
    this.#database
      .prepare(`INSERT INTO revisions (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
      .run(
        experiment,
        revision.revision,
        revision.at,
        JSON.stringify(document),
        revision.source,
        revision.actor,
        JSON.stringify(diff),
        JSON.stringify(models),
        JSON.stringify(revision.lineage),
        revision.reason ?? null,
        revision.held ?? null,
      )
  }
}

const COLUMNS = "experiment, revision, at, document, source, actor, diff, models, lineage, reason, held"

/** Only parsed documents were appended, so every name in the table is an experiment's id. */
function toExperimentId(name: SQLOutputValue | undefined): ExperimentId {
  return String(name) as ExperimentId
}

function toRevision(row: Record<string, SQLOutputValue>): StoredRevision {
  const { reason, held } = row
  return {
    experiment: toExperimentId(row["experiment"]),
    revision: Number(row["revision"]),
    at: Number(row["at"]),
    document: JSON.parse(String(row["document"])),
    source: row["source"] === "api" ? "api" : "folder",
    actor: String(row["actor"]),
    diff: JSON.parse(String(row["diff"])) as string[],
    models: JSON.parse(String(row["models"])) as Record<string, string>,
    lineage: JSON.parse(String(row["lineage"])) as Lineage,
    ...(typeof reason === "string" ? { reason } : {}),
    ...(typeof held === "string" ? { held: held as HeldStatus } : {}),
  }
}
