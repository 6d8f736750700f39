import { type CounterContents, encodePart } from "../../domain/counter-contents.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { LogId, LogPosition } from "../../domain/log-position.ts"
import type { RedisClient } from "./connection.ts"
import { contentsOf, goesOn, readChanges, standOf, stateOf, UNREAD } from "./experiment-reader.ts"
import type { ExperimentKeys } from "./keys.ts"
import type { MetCounters } from "./met-counters.ts"

/** Some lines as bytes, a line feed before each. */
interface Lines {
  readonly count: number
  readonly bytes: Uint8Array
}

/** What is counted of an experiment, as the lines of a checkpoint. */
export interface Packed extends Pick<CounterContents, "origins" | "positions"> {
  readonly parts: readonly Lines[]
  /** Where each log stands. */
  readonly logs: ReadonlyMap<LogId, LogPosition>
  /** Whether the counters were lost and are not whole. */
  readonly isLost: boolean
}

/** Keeps the lines of each key, so that each checkpoint reads what has changed since the one before, and no more. */
export class PackedCounters {
  readonly #experiment: string
  readonly #keys: ExperimentKeys
  #lines: ReadonlyMap<string, Lines> = new Map()
  #readAt = UNREAD

  constructor(experiment: string, keys: ExperimentKeys) {
    this.#experiment = experiment
    this.#keys = keys
  }

  async read(client: RedisClient): Promise<Packed> {
    const readAt = this.#readAt
    const changes = await readChanges(client, this.#keys, readAt.changes)
    const { meta, held } = changes
    // What was forgotten while this was read lacks everything else.
    if (readAt !== this.#readAt) return await this.read(client)
    if (!goesOn(readAt, meta)) {
      this.forget()
      return await this.read(client)
    }
    const lines = new Map(this.#lines)
    for (const [key, value] of held) {
      const part = contentsOf(this.#experiment, this.#keys, key, value)
      lines.set(key, linesOf(encodePart({ positions: [], ...part })))
    }
    this.#lines = lines
    this.#readAt = stateOf(meta)
    const stand = standOf(this.#experiment, changes)
    const head = linesOf(encodePart({ ...stand, cells: [], groups: [], sketches: [] }))
    const sorted = [...lines].toSorted(([a], [b]) => (a < b ? -1 : 1))
    const { positions } = changes
    return { ...stand, logs: positions, parts: [head, ...sorted.map(([, lines]) => lines)], isLost: meta.isLost }
  }

  /**
   * The same as a checkpoint.
   *
   * @param met which counters there should be
   * @throws GatewayError `store_unavailable` while they lack something
   */
  async readWhole(client: RedisClient, met: MetCounters): Promise<Packed> {
    const { positions } = met
    const packed = await this.read(client)
    // What is being brought back is no checkpoint, nor what has taken its place unnoticed.
    const lacks = await met.adopt(packed.origins?.[0]?.mark)
    const compared = await met.compare(positions, packed.logs)
    if (compared === "lost") return await this.readWhole(client, met)
    if (compared === "older") {
      this.forget()
      throw new GatewayError("store_unavailable", {
        detail: `[redis] the counters of ${this.#experiment} were read as they had been before`,
      })
    }
    if (lacks || packed.isLost) await met.lacking()
    met.keep(packed.logs)
    return packed
  }

  /** Everything is read anew. */
  forget(): void {
    this.#lines = new Map()
    this.#readAt = { ...UNREAD }
  }
}

function linesOf(lines: Iterable<string>): Lines {
  const all = [...lines]
  // A small Buffer is part of a block of 64 KiB: kept for days, it would keep all of that.
  return { count: all.length, bytes: new TextEncoder().encode(all.map((line) => `\n${line}`).join("")) }
}
