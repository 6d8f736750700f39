import { type CounterContents, encodePart } from "../../domain/counter-contents.ts"
import type { RedisClient } from "./connection.ts"
import { contentsOf, readChanges, standOf } from "./experiment-reader.ts"
import type { ExperimentKeys } from "./keys.ts"

/** Some lines as bytes, a line feed before each. */
interface Lines {
  readonly count: number
  readonly bytes: Uint8Array
}

/** What is counted of an experiment, as the lines of a checkpoint. */
export interface Packed extends Pick<CounterContents, "origins" | "positions"> {
  readonly parts: readonly Lines[]
  /** Whether the counters were lost and are not whole. */
  readonly isLost: boolean
}

/** Keeps the lines of each key, so that each checkpoint reads what has changed since the one before, and no more. */
export class PackedCounters {
  readonly #experiment: string
  readonly #keys: ExperimentKeys
  #lines = new Map<string, Lines>()
  #readAt: { changes: number; gone: number; generation: string | undefined } = {
    changes: 0,
    gone: 0,
    generation: undefined,
  }

  constructor(experiment: string, keys: ExperimentKeys) {
    this.#experiment = experiment
    this.#keys = keys
  }

  async read(client: RedisClient): Promise<Packed> {
    const changes = await readChanges(client, this.#keys, this.#readAt.changes)
    const { meta, held } = changes
    const { gone, generation } = this.#readAt
    if (this.#readAt.changes > 0 && (meta.gone !== gone || meta.generation !== generation)) {
      this.#lines = new Map()
      this.#readAt = { changes: 0, gone: meta.gone, generation: meta.generation }
      return await this.read(client)
    }
    for (const [key, value] of held) {
      const part = contentsOf(this.#experiment, this.#keys, key, value)
      this.#lines.set(key, linesOf(encodePart({ positions: [], ...part })))
    }
    this.#readAt = { changes: meta.changes, gone: meta.gone, generation: meta.generation }
    const stand = standOf(this.#experiment, changes)
    const head = linesOf(encodePart({ ...stand, cells: [], groups: [], sketches: [] }))
    const sorted = [...this.#lines].toSorted(([a], [b]) => (a < b ? -1 : 1))
    return { ...stand, parts: [head, ...sorted.map(([, lines]) => lines)], isLost: meta.isLost }
  }
}

function linesOf(lines: Iterable<string>): Lines {
  const all = [...lines]
  // A small Buffer is part of a block of 64 KiB: kept for days, it would keep all of that.
  return { count: all.length, bytes: new TextEncoder().encode(all.map((line) => `\n${line}`).join("")) }
}
