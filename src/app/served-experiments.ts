import type { Definitions } from "../domain/definitions.ts"
import type { Experiment } from "../domain/experiment.ts"
import type { Snapshot } from "../domain/snapshot.ts"
import type { ModelEndpoint } from "../ports/model-endpoint.ts"

/** One experiment as it is served now: a snapshot and what answers for each variant, in the document's order, and the static answer behind them. Replaced whole. */
export interface Served {
  readonly snapshot: Snapshot
  readonly endpoints: readonly ModelEndpoint[]
  /** What rewards mean, of every revision whose tokens may live. */
  readonly definitions: Definitions
}

/** The experiments in memory: what the request path reads. Each replacement is one assignment, so no request sees half an edit. */
export class ServedExperiments {
  readonly #served = new Map<string, Served>()
  /** What rewards meant when the experiment was removed: it may come back while its tokens live. */
  readonly #removed = new Map<string, Definitions>()
  /** What rewards will mean of experiments that are about to be served. */
  readonly #coming = new Map<string, Definitions>()
  /** Ids by the names that other protocols' clients know them by. */
  #ids: ReadonlyMap<string, string> = new Map()
  readonly #defaultId: string | undefined

  /** @param defaultId what a request without an experiment gets; where undefined, the only experiment there is */
  constructor(defaultId?: string) {
    this.#defaultId = defaultId
  }

  get(id: string): Served | undefined {
    return this.#served.get(id)
  }

  /** By id, or by one of an experiment's other names. */
  named(name: string): Served | undefined {
    return this.#served.get(name) ?? this.#served.get(this.#ids.get(name) ?? "")
  }

  default(): Served | undefined {
    if (this.#defaultId !== undefined) return this.#served.get(this.#defaultId)
    return this.#served.size === 1 ? this.#served.values().next().value : undefined
  }

  all(): readonly Served[] {
    return [...this.#served.values()]
  }

  publish(served: Served): void {
    const { id } = served.snapshot.experiment
    this.#removed.delete(id)
    this.#coming.delete(id)
    this.#served.set(id, served)
    this.#ids = idsByName(this.all())
  }

  /** Takes rewards of revisions that are not decided by here, or not yet: others decide by them. */
  learn(id: Experiment["id"], definitions: Definitions): void {
    const served = this.#served.get(id)
    if (served === undefined) this.#coming.set(id, definitions)
    else this.#served.set(id, { ...served, definitions })
  }

  /** Forgets an experiment but remembers that there was one: its rewards are answered differently from those of one that never was. */
  remove(id: Experiment["id"]): void {
    this.#removed.set(id, this.definitionsOf(id))
    this.#coming.delete(id)
    this.#served.delete(id)
    this.#ids = idsByName(this.all())
  }

  /** What rewards mean that are taken: undefined for an experiment that was removed or never was. */
  takenRewards(id: string): Definitions | undefined {
    return this.#served.get(id)?.definitions ?? this.#coming.get(id)
  }

  /** What rewards of an experiment mean, as far as is known, served or removed. */
  definitionsOf(id: string): Definitions {
    return this.#served.get(id)?.definitions ?? this.#removed.get(id) ?? new Map()
  }

  wasRemoved(id: string): boolean {
    return this.#removed.has(id)
  }
}

/** Two gateways that publish at once may give a name twice: it is the experiment's whose id comes first, on all of them. */
function idsByName(served: readonly Served[]): ReadonlyMap<string, string> {
  const experiments = served.map(({ snapshot }) => snapshot.experiment)
  const named = experiments.toSorted((one, other) => (one.id < other.id ? 1 : -1))
  return new Map(named.flatMap(({ id, names }) => names.map((name) => [name, id] as const)))
}
