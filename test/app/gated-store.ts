import { GatewayError } from "#src/domain/errors.ts"
import type { CounterArchive } from "#src/ports/counter-archive.ts"
import type { CounterStore } from "#src/ports/counter-store.ts"

type Store = CounterStore & CounterArchive

/** A store that a test can take away: it then refuses, hangs, or does the work and loses the answer. */
export class GatedStore implements Store {
  readonly #store: Store
  state: "open" | "refuses" | "hangs" | "loses answers" = "open"

  constructor(store: Store) {
    this.#store = store
  }

  fold: Store["fold"] = (batch) => this.#pass(() => this.#store.fold(batch))
  seen: Store["seen"] = (keys) => this.#pass(() => this.#store.seen(keys))
  statistics: Store["statistics"] = (experiment, query) => this.#pass(() => this.#store.statistics(experiment, query))
  groups: Store["groups"] = (experiment) => this.#pass(() => this.#store.groups(experiment))
  calls: Store["calls"] = (experiment) => this.#pass(() => this.#store.calls(experiment))
  keep: Store["keep"] = (experiment, resolution) => this.#pass(() => this.#store.keep(experiment, resolution))
  alive: Store["alive"] = (log, foldedTo) => this.#pass(() => this.#store.alive(log, foldedTo))
  positions: Store["positions"] = (log) => this.#pass(() => this.#store.positions(log))
  contents: Store["contents"] = () => this.#pass(() => this.#store.contents())
  pack: Store["pack"] = () => this.#pass(() => this.#store.pack())
  restore: Store["restore"] = (contents) => this.#pass(() => this.#store.restore(contents))
  remember: Store["remember"] = (rewards) => this.#pass(() => this.#store.remember(rewards))
  synced?: NonNullable<Store["synced"]>
  reset: Store["reset"] = () => this.#pass(() => this.#store.reset())
  /** The store outlives whoever uses it through this gate. */
  close: Store["close"] = async () => {}

  async #pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.state === "open") return await work()
    if (this.state === "loses answers") await work()
    if (this.state === "hangs") return await new Promise<T>(() => {})
    throw new GatewayError("store_unavailable", { detail: "told to" })
  }
}
