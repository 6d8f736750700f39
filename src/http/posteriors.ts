import { type Posterior, readPosteriors } from "../app/read-experiment.ts"
import type { ServedExperiments } from "../app/served-experiments.ts"
import { within } from "../app/within.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore } from "../ports/counter-store.ts"

/** How long a scrape waits for a round over all experiments. */
const WAIT_MS = 100

/**
 * What is believed of each variant of each experiment, for scrapes. Each experiment costs a question to the store, which may be busy with something
 * else, and an integral: a round over all of them goes on in the background, and a scrape takes what is there soon.
 */
export class Posteriors {
  readonly #experiments: ServedExperiments
  readonly #counters: CounterStore
  readonly #clock: Clock
  #known = new Map<string, readonly Posterior[]>()
  #round: Promise<void> | undefined

  constructor(experiments: ServedExperiments, counters: CounterStore, clock: Clock) {
    this.#experiments = experiments
    this.#counters = counters
    this.#clock = clock
  }

  /**
   * By experiment: of this round where it ends soon, else of the last one. An experiment whose counters could not be read, or have not been yet, is
   * absent rather than guessed.
   */
  async soon(): Promise<ReadonlyMap<string, readonly Posterior[]>> {
    this.#round ??= this.#readAll().finally(() => {
      this.#round = undefined
    })
    await within(this.#round, WAIT_MS)
    return this.#known
  }

  /** One experiment after the other: the store answers the request path's questions too. Never rejects. */
  async #readAll(): Promise<void> {
    const served = this.#experiments.all()
    const ids = new Set<string>(served.map(({ snapshot }) => snapshot.experiment.id))
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id)
    for (const { snapshot } of served) {
      const { id } = snapshot.experiment
      const read = await readPosteriors(snapshot, this.#counters, this.#clock.now()).catch(() => undefined)
      if (read === undefined) this.#known.delete(id)
      else this.#known.set(id, read.posteriors)
    }
  }
}
