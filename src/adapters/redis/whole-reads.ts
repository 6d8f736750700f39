import type { LogId } from "../../domain/log-position.ts"
import type { RedisClient } from "./connection.ts"
import { goesOn, type MetaAndChanges, type ReadState, readMeta } from "./experiment-reader.ts"
import type { ExperimentKeys } from "./keys.ts"
import type { MetCounters } from "./met-counters.ts"

/** What is said of counters, beside what was known of them before. */
export interface MetMeta extends MetaAndChanges {
  /** Whether they lack something. */
  readonly isLost: boolean
  /** Whether they lack it since this read. */
  readonly hasFallenBack: boolean
}

/** What is read of one experiment's counters, as far as they are the ones that there should be. */
export class WholeReads {
  readonly #client: RedisClient
  readonly #keys: ExperimentKeys
  readonly #met: MetCounters
  readonly #applyDue: () => Promise<void>

  /** @param applyDue makes the additions that are due */
  constructor(client: RedisClient, keys: ExperimentKeys, met: MetCounters, applyDue: () => Promise<void>) {
    this.#client = client
    this.#keys = keys
    this.#met = met
    this.#applyDue = applyDue
  }

  /** @param since number of the last change that is known. Default: what has changed isn't asked for */
  async meta(since = Number.POSITIVE_INFINITY): Promise<MetMeta> {
    const { positions } = this.#met
    const read = await readMeta(this.#client, this.#keys, since)
    this.#met.missed(read.missing)
    const lacks = await this.#met.adopt(read.meta.generation)
    const hasFallenBack = (await this.#met.compare(positions, read.positions)) === "lost"
    return { ...read, hasFallenBack, isLost: lacks || hasFallenBack || read.meta.isLost }
  }

  /**
   * Reads counters that are there before and after: in between they may go, or fall back.
   *
   * @param ask up to where they are known
   * @param take reads what has changed since; undefined: everything has to be read anew
   * @returns what was taken, the version of the counters, and the logs of which they lack something
   * @throws GatewayError `store_unavailable` while what they lack is waited for
   */
  async read<Known extends ReadState, T>(
    ask: () => Known,
    take: (known: Known, read: MetaAndChanges) => Promise<T | undefined>,
  ): Promise<{ readonly taken: T; readonly version: number; readonly partial: readonly LogId[] }> {
    for (;;) {
      const known = ask()
      const before = await this.meta(known.changes)
      if (before.hasFallenBack) continue
      if (before.isLost) await this.#met.lacking()
      if (before.meta.due > 0) {
        await this.#applyDue()
        continue
      }
      const taken = await take(known, before)
      const after = await this.meta()
      if (taken === undefined || after.hasFallenBack || !goesOn(before.meta, after.meta)) continue
      const partial = after.isLost ? await this.#met.lacking() : []
      return { taken, version: before.meta.version, partial }
    }
  }
}
