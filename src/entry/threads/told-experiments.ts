import { type Served, ServedExperiments } from "../../app/served-experiments.ts"
import type { Experiment } from "../../domain/experiment.ts"
import { toPlain, toPlainPlan } from "./plain-served.ts"
import type { ServingThreads } from "./serving-threads.ts"

/** What an experiment is to the threads: as it is served, or gone. */
type Told = Served | "removed"

/**
 * The experiments of the control thread, told to those that serve.
 *
 * A thread decides by a revision only when all threads know what its rewards mean, so that a reward may come to any of them. Threads that take
 * their time are told the newest, not everything in between.
 */
export class ToldExperiments extends ServedExperiments {
  readonly #threads: Pick<ServingThreads, "callAll">
  readonly #told = new Map<string, Told>()
  readonly #telling = new Map<string, Promise<void>>()

  constructor(defaultId: string | undefined, threads: Pick<ServingThreads, "callAll">) {
    super(defaultId)
    this.#threads = threads
  }

  override publish(served: Served): void {
    super.publish(served)
    this.#tell(served.snapshot.experiment.id)
  }

  override remove(id: Experiment["id"]): void {
    super.remove(id)
    this.#tell(id)
  }

  /** Experiments whose newest revision, or removal, not every thread has acknowledged. */
  get untold(): number {
    return [...this.#telling.keys()].filter((id) => revisionOf(this.#now(id)) !== revisionOf(this.#told.get(id))).length
  }

  /** Settles when every thread has acknowledged what is served now. */
  async told(): Promise<void> {
    while (this.#telling.size > 0) await Promise.all(this.#telling.values())
  }

  #tell(id: Experiment["id"]): void {
    if (this.#telling.has(id) || this.#now(id) === this.#told.get(id)) return
    const telling = this.#tellNewest(id)
    this.#telling.set(id, telling)
    // A thread that ends says so itself, and ends the process.
    telling.catch(() => {})
  }

  async #tellNewest(id: Experiment["id"]): Promise<void> {
    try {
      for (let now = this.#now(id); now !== this.#told.get(id); now = this.#now(id)) {
        await this.#tellOne(id, this.#told.get(id), now)
        this.#told.set(id, now)
      }
    } finally {
      // In the same step as the last look: what is published after that is told by another.
      this.#telling.delete(id)
    }
  }

  async #tellOne(id: Experiment["id"], before: Told | undefined, now: Told): Promise<void> {
    if (now === "removed") {
      await this.#threads.callAll("remove", id)
      return
    }
    const { definitions, snapshot } = now
    // Only a reallocation keeps the definitions.
    if (before !== "removed" && before?.definitions === definitions) {
      await this.#threads.callAll("replan", toPlainPlan(snapshot))
      return
    }
    await this.#threads.callAll("learn", { experiment: id, definitions })
    await this.#threads.callAll("serve", toPlain(now))
  }

  #now(id: string): Told {
    return this.get(id) ?? "removed"
  }
}

function revisionOf(told: Told | undefined): number | string | undefined {
  return typeof told === "object" ? told.snapshot.revision : told
}
