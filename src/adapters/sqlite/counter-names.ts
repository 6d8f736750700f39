import type { DatabaseSync, StatementSync } from "node:sqlite"
import type { Cohort, CounterKey } from "../../domain/counters.ts"

/** What counters of all times have in common: everything of their key but the bucket. */
export type CounterName = Omit<CounterKey, "bucket">

/** Numbers of counter names, so that rows are short. */
export class CounterNames {
  readonly #find: StatementSync
  readonly #insert: StatementSync
  readonly #byExperiment: StatementSync
  readonly #ids = new Map<string, number>()

  constructor(database: DatabaseSync) {
    const key = "experiment, cohort, variant, series, metric"
    this.#find = database.prepare(
      "SELECT id FROM counter_names WHERE experiment = ? AND cohort = ? AND variant = ? AND series = ? AND metric = ?",
    )
    this.#insert = database.prepare(`INSERT INTO counter_names (${key}) VALUES (?, ?, ?, ?, ?) RETURNING id`)
    this.#byExperiment = database.prepare(`SELECT id, ${key} FROM counter_names WHERE experiment = ? ORDER BY id`)
  }

  /** The number of a name, given to it if it has none yet. */
  idOf({ experiment, cohort, variant, series, metric }: CounterName): number {
    const text = `${experiment}\n${cohort}\n${variant}\n${series}\n${metric}`
    let id = this.#ids.get(text)
    if (id === undefined) {
      const values = [experiment, cohort, variant, series, metric] as const
      id = Number((this.#find.get(...values) ?? this.#insert.get(...values))?.["id"])
      this.#ids.set(text, id)
    }
    return id
  }

  of(experiment: string): (CounterName & { readonly id: number })[] {
    return this.#byExperiment.all(experiment).map((row) => ({ id: Number(row["id"]), ...counterNameOf(row) }))
  }

  /** To be called when names in the table may have gone: after a reset, and after a transaction that was rolled back. */
  forget(): void {
    this.#ids.clear()
  }
}

/** The name in a row of `counter_names`. */
export function counterNameOf(row: Readonly<Record<string, unknown>>): CounterName {
  return {
    experiment: String(row["experiment"]),
    cohort: cohortNamed(row["cohort"]),
    variant: String(row["variant"]),
    series: Number(row["series"]),
    metric: String(row["metric"]),
  }
}

function cohortNamed(text: unknown): Cohort {
  if (text === "learned" || text === "holdout" || text === "excluded") return text
  throw new TypeError(`[sqlite] ${String(text)} is no cohort`)
}
