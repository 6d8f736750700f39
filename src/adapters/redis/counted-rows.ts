import { isCallMetric } from "../../domain/call-counters.ts"
import type { CounterRow } from "../../domain/statistics.ts"
import type { RedisClient } from "./connection.ts"
import { cellsOf, type MetaAndChanges, readHeld } from "./experiment-reader.ts"
import { type ExperimentKeys, readCounterKey } from "./keys.ts"

/** The counters of an experiment in memory but those of calls, of which only what has changed is read. */
export class CountedRows {
  readonly #experiment: string
  readonly #keys: ExperimentKeys
  /** By key, as they were when the experiment had changed so often. */
  #rows = new Map<string, readonly CounterRow[]>()
  #readAt = { changes: 0, gone: 0, generation: "" }

  constructor(experiment: string, keys: ExperimentKeys) {
    this.#experiment = experiment
    this.#keys = keys
  }

  /** Number of the last change that the rows have. */
  get changes(): number {
    return this.#readAt.changes
  }

  /** All rows with these changes; undefined where they have to be read from the beginning. */
  async refresh(client: RedisClient, { meta, changed }: MetaAndChanges): Promise<readonly CounterRow[] | undefined> {
    const generation = meta.generation ?? ""
    if (meta.gone !== this.#readAt.gone || generation !== this.#readAt.generation) {
      this.#rows = new Map()
      this.#readAt = { changes: 0, gone: meta.gone, generation }
      if (meta.changes > 0) return undefined
    }
    const wanted = changed.filter((key) => this.#keys.read(key).kind === "c" && !isOfCalls(this.#keys, key))
    const held = await readHeld(client, this.#keys, wanted)
    for (const key of wanted) {
      const fields = held.get(key)
      if (fields === undefined || Buffer.isBuffer(fields)) this.#rows.delete(key)
      else this.#rows.set(key, rowsOf(this.#experiment, this.#keys, key, fields))
    }
    this.#readAt = { ...this.#readAt, changes: meta.changes }
    return [...this.#rows.values()].flat()
  }
}

/** Counters of calls, read anew each time. @param changed all keys of the experiment */
export async function readCalls(
  client: RedisClient,
  experiment: string,
  keys: ExperimentKeys,
  changed: readonly string[],
): Promise<CounterRow[]> {
  const wanted = changed.filter((key) => isOfCalls(keys, key))
  const held = await readHeld(client, keys, wanted)
  return [...held].flatMap(([key, fields]) => (Buffer.isBuffer(fields) ? [] : rowsOf(experiment, keys, key, fields)))
}

function isOfCalls(keys: ExperimentKeys, key: string): boolean {
  const { kind, names } = keys.read(key)
  return kind === "c" && isCallMetric(readCounterKey(names).metric)
}

function rowsOf(
  experiment: string,
  keys: ExperimentKeys,
  key: string,
  fields: Readonly<Record<string, string>>,
): CounterRow[] {
  return cellsOf(experiment, keys.read(key).names, fields).map(rowOf)
}

function rowOf({ sum, sumSq, ...cell }: ReturnType<typeof cellsOf>[number]): CounterRow {
  return { ...cell, sum: Number(sum), sumSq: Number(sumSq) }
}
