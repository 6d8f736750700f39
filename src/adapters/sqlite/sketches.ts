import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite"
import { daySpanAt, daysBefore } from "../../domain/bucket-widths.ts"
import type { StoredSketch } from "../../domain/counter-contents.ts"
import { mergeSketch, type UnitSketch } from "../../domain/unit-sketch.ts"
import type { SketchAddition } from "../../ports/counter-store.ts"

const DAY = 86_400

/** Sketches of the units that a variant's decisions had, by day, and by month once they are old. */
export class Sketches {
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #old: StatementSync
  readonly #of: StatementSync
  readonly #all: StatementSync

  constructor(database: DatabaseSync) {
    const place = "experiment = ? AND variant = ? AND series = ? AND width = ? AND start = ?"
    this.#get = database.prepare(`SELECT registers FROM sketches WHERE ${place}`)
    this.#put = database.prepare(`
      INSERT INTO sketches (experiment, variant, series, width, start, registers) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET registers = excluded.registers`)
    this.#remove = database.prepare(`DELETE FROM sketches WHERE ${place}`)
    const all = "SELECT experiment, variant, series, width, start, registers FROM sketches"
    this.#old = database.prepare(`${all} WHERE width = ? AND start < ? LIMIT ?`)
    this.#of = database.prepare(`${all} WHERE experiment = ? ORDER BY start`)
    this.#all = database.prepare(`${all} ORDER BY experiment, start`)
  }

  add(experiment: string, { variant, series, day, sketch }: SketchAddition, nowSeconds: number): void {
    const { start, width } = daySpanAt(day, nowSeconds)
    const known = this.#get.get(experiment, variant, series, width, start)
    const merged = known === undefined ? sketch : registersOf(known)
    if (known !== undefined) {
      const before = merged.slice()
      mergeSketch(merged, sketch)
      if (merged.every((rank, register) => rank === before[register])) return
    }
    this.#put.run(experiment, variant, series, width, start, merged)
  }

  /**
   * Makes months of days that are old enough.
   *
   * @returns whether there may be more than the `limit` that were moved
   */
  widen(nowSeconds: number, limit: number): boolean {
    const old = this.#old.all(DAY, daysBefore(nowSeconds), limit)
    for (const row of old) {
      const { experiment, variant, series, start } = row
      this.#remove.run(String(experiment), String(variant), Number(series), DAY, Number(start))
      this.add(String(experiment), additionOf(row), nowSeconds)
    }
    return old.length === limit
  }

  all(): StoredSketch[] {
    return this.#all.all().map((row) => ({ experiment: String(row["experiment"]), ...additionOf(row) }))
  }

  of(experiment: string): SketchAddition[] {
    return this.#of.all(experiment).map(additionOf)
  }
}

function additionOf(row: Record<string, SQLOutputValue>): SketchAddition {
  const { variant, series, start } = row
  return { variant: String(variant), series: Number(series), day: Number(start), sketch: registersOf(row) }
}

function registersOf(row: Record<string, SQLOutputValue>): UnitSketch {
  const registers = row["registers"]
  if (!(registers instanceof Uint8Array)) throw new TypeError("[sqlite] a sketch is not bytes")
  return registers
}
