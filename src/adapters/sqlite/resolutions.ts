import type { DatabaseSync, StatementSync } from "node:sqlite"
import { type WidthStep, widthSteps } from "../../domain/bucket-widths.ts"
import type { Resolution } from "../../ports/counter-store.ts"

/** How fine each experiment's counters have to stay. */
export class Resolutions {
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #steps = new Map<string, readonly WidthStep[]>()

  constructor(database: DatabaseSync) {
    this.#get = database.prepare("SELECT memory, forgotten_after, maturation FROM resolutions WHERE experiment = ?")
    this.#put = database.prepare(`
      INSERT INTO resolutions (experiment, memory, forgotten_after, maturation) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET memory = excluded.memory, forgotten_after = excluded.forgotten_after, maturation = excluded.maturation`)
  }

  keep(experiment: string, { memorySeconds, forgottenAfterSeconds, maturationSeconds }: Resolution): void {
    this.#put.run(experiment, memorySeconds ?? null, forgottenAfterSeconds ?? null, maturationSeconds)
    this.#steps.delete(experiment)
  }

  stepsOf(experiment: string): readonly WidthStep[] {
    let steps = this.#steps.get(experiment)
    if (steps === undefined) {
      steps = widthSteps(this.#resolutionOf(experiment))
      this.#steps.set(experiment, steps)
    }
    return steps
  }

  #resolutionOf(experiment: string): Resolution | undefined {
    const row = this.#get.get(experiment)
    if (row === undefined) return undefined
    const { memory, forgotten_after: forgottenAfter, maturation } = row
    return {
      memorySeconds: memory === null ? undefined : Number(memory),
      forgottenAfterSeconds: forgottenAfter === null ? undefined : Number(forgottenAfter),
      maturationSeconds: Number(maturation),
    }
  }
}
