import { isCallMetric } from "../../domain/call-counters.ts"
import type { CounterRow } from "../../domain/statistics.ts"
import type { RedisClient } from "./connection.ts"
import { cellsOf, goesOn, type MetaAndChanges, type ReadState, readHeld, stateOf, UNREAD } from "./experiment-reader.ts"
import { type ExperimentKeys, readCounterKey } from "./keys.ts"

/** An experiment's counters but those of calls, as they were at a state. */
export interface CountedRows extends ReadState {
  /** By key. */
  readonly rows: ReadonlyMap<string, readonly CounterRow[]>
}

const NO_ROWS: CountedRows = { rows: new Map(), ...UNREAD }

/** What nobody has asked for in so long, those of a removed experiment for example, is read anew when somebody does. */
const UNASKED_SECONDS = 600

/** An experiment's counters as they were last read. */
export class KnownRows {
  #rows = NO_ROWS
  /** Whether they were asked for since this time, epoch seconds. */
  #asked = { since: 0, isAsked: false }

  ask(): CountedRows {
    this.#asked.isAsked = true
    return this.#rows
  }

  /** @param known what they were made from: where that was forgotten meanwhile, they are too */
  know(rows: CountedRows, known: CountedRows): void {
    if (this.#rows !== NO_ROWS || known === NO_ROWS) this.#rows = rows
  }

  /** They have to be read from the beginning. */
  forget(): void {
    this.#rows = NO_ROWS
  }

  /** To be called now and then. */
  forgetUnasked(nowSeconds: number): void {
    const { since, isAsked } = this.#asked
    if (nowSeconds - since < UNASKED_SECONDS) return
    if (!isAsked) this.#rows = NO_ROWS
    this.#asked = { since: nowSeconds, isAsked: false }
  }
}

/**
 * The rows with what has changed since they were read; undefined where they have to be read from the beginning.
 *
 * @param known isn't changed: of several that are read at once, each goes on from what it knew when it asked
 * @param read what has changed since `known`
 */
export async function refreshRows(
  client: RedisClient,
  experiment: string,
  keys: ExperimentKeys,
  known: CountedRows,
  { meta, changed }: MetaAndChanges,
): Promise<CountedRows | undefined> {
  if (!goesOn(known, meta)) return undefined
  const wanted = changed.filter((key) => keys.read(key).kind === "c" && !isOfCalls(keys, key))
  const held = await readHeld(client, keys, wanted)
  const rows = new Map(known.rows)
  for (const key of wanted) {
    const fields = held.get(key)
    if (fields === undefined || Buffer.isBuffer(fields)) rows.delete(key)
    else rows.set(key, rowsOf(experiment, keys, key, fields))
  }
  return { rows, ...stateOf(meta) }
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
