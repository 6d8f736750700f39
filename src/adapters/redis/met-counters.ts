import type { CounterContents } from "../../domain/counter-contents.ts"
import { GatewayError } from "../../domain/errors.ts"
import { isAfter, type LogId, type LogPosition, samePosition } from "../../domain/log-position.ts"
import type { Logger } from "../../ports/logger.ts"
import type { Loss } from "../../ports/shared-counters.ts"
import type { RedisClient } from "./connection.ts"
import type { MetaAndChanges } from "./experiment-reader.ts"
import type { ExperimentKeys } from "./keys.ts"
import { FILLS_WITHIN_MS, isAwaited, type LossWaits, lackingLogs, noteLoss, readLoss, settleLog } from "./losses.ts"
import { restoreContents } from "./restore-contents.ts"

/** Which counters of an experiment this is about, and who is told when they turn out to be others. */
export interface MetCountersOptions {
  readonly experiment: string
  readonly keys: ExperimentKeys
  /** For short commands. */
  readonly client: RedisClient
  readonly waits: LossWaits
  readonly logger: Logger
  /** Called when the counters are others than those that were met before. */
  readonly areOthers: () => Promise<void>
}

/** How counters are that were read: under the same mark as those before, `older` where that was read late alone, `lost` where they lack something. */
export type Compared = "as known" | "older" | "lost"

/**
 * Which counters of an experiment a gateway believes to be folding into, and how far it has seen each log folded. Every script compares their mark:
 * those with another mark are others, and what the ones before had may have been lost.
 */
export class MetCounters {
  readonly #options: MetCountersOptions
  #mark: string | undefined
  readonly #positions = new Map<LogId, LogPosition>()
  /** How far logs had been folded that have fallen back, where that is said already. */
  readonly #fellBack = new Map<LogId, LogPosition>()
  /** How far logs are folded in the last checkpoint of these counters. */
  #kept: ReadonlyMap<LogId, LogPosition> = new Map()

  constructor(options: MetCountersOptions) {
    this.#options = options
  }

  /** Empty before this gateway has met any. */
  get mark(): string {
    return this.#mark ?? ""
  }

  /** How far logs were folded by now, to compare with what is read from now on. */
  get positions(): ReadonlyMap<LogId, LogPosition> {
    return new Map(this.#positions)
  }

  /** Learns how far logs are folded. */
  saw(positions: Iterable<readonly [LogId, LogPosition]>): void {
    for (const [log, position] of positions) {
      if (isAfter(position, this.#positions.get(log))) this.#positions.set(log, position)
    }
  }

  /** Learns how far logs were folded in counters that were lost before these, which don't have it yet: that is said already. */
  missed(positions: Iterable<readonly [LogId, LogPosition]>): void {
    for (const [log, position] of positions) {
      if (!isAfter(position, this.#positions.get(log))) continue
      this.#positions.set(log, position)
      this.#fellBack.set(log, position)
    }
  }

  /** Learns from a checkpoint what the counters were, where none were met since the start. */
  know(mark: string, positions: Iterable<readonly [LogId, LogPosition]>): void {
    if (this.#mark !== undefined) return
    this.#mark = mark
    this.saw(positions)
    this.keep(new Map(positions))
  }

  /** There is a checkpoint of them. */
  keep(positions: ReadonlyMap<LogId, LogPosition>): void {
    this.#kept = positions
  }

  /** Takes the counters that there are for the experiment's. @returns whether they lack something that those before had */
  async adopt(mark: string | undefined): Promise<boolean> {
    if (this.#mark === undefined || this.#mark === mark) {
      this.#mark = mark
      return false
    }
    const { client, keys, waits, experiment, logger, areOthers } = this.#options
    const noted = await noteLoss(client, keys, this.#positions, waits)
    // Whoever could not be told is told at the next try.
    await areOthers()
    this.#meet(noted.mark)
    if (!noted.lacks) return false
    logger.error(
      { experiment },
      "[redis] counters were lost: they are restored from a checkpoint, where there is one, and from the logs",
    )
    return true
  }

  /**
   * Compares counters under the same mark with what was known before they were read. No log falls back but by a loss: of a server that came back
   * with older data, or of a replica that took over before it had everything. Logs whose gateways live are folded again from there; for the others
   * it is said what is missing. Counters that have fallen back behind a checkpoint become others, so that it is restored: files of logs may have
   * been deleted by it.
   */
  async compare(known: ReadonlyMap<LogId, LogPosition>, read: ReadonlyMap<LogId, LogPosition>): Promise<Compared> {
    this.saw(read)
    const behind: [LogId, LogPosition][] = []
    for (const [log, position] of known) {
      if (!isAfter(position, read.get(log))) this.#fellBack.delete(log)
      else if (!samePosition(this.#fellBack.get(log), position)) behind.push([log, position])
    }
    if (behind.length === 0) return "as known"
    const { client, keys, waits, experiment, logger, areOthers } = this.#options
    const isFar = [...this.#kept].some(([log, position]) => known.has(log) && isAfter(position, read.get(log)))
    const noted = await (isFar
      ? noteLoss(client, keys, this.#positions, waits, this.mark)
      : noteLoss(client, keys, new Map(behind), { ...waits, checkpointMs: 0 }))
    // Only what was read is older: a replica that lags behind, or the logs are folded again already.
    if (!noted.lacks) return "older"
    await areOthers()
    this.#meet(noted.mark)
    const logs = behind.map(([log]) => log)
    logger.error(
      { experiment, logs },
      isFar
        ? "[redis] came back with counters older than a checkpoint: they are restored from it, and from the logs"
        : "[redis] came back with older counters: the logs are folded again from there",
    )
    return "lost"
  }

  /** The same where a fold found its log elsewhere than this gateway had folded it to. */
  async foundLogAt(log: LogId, position: LogPosition | undefined): Promise<void> {
    const known = this.#positions.get(log)
    if (known === undefined) return
    await this.compare(new Map([[log, known]]), new Map(position === undefined ? [] : [[log, position]]))
  }

  /**
   * The logs of which counters that were lost lack something.
   *
   * @throws GatewayError `store_unavailable` while more of it is waited for: the experiment would begin anew without a word
   */
  async lacking(): Promise<readonly LogId[]> {
    const { logs, isMoreAwaited } = await this.lack()
    if (!isMoreAwaited) return logs
    throw new GatewayError("store_unavailable", {
      detail: `[redis] the counters of ${this.#options.experiment} were lost and are brought back, not yet all of the logs ${logs.join(", ")}`,
    })
  }

  /** The same logs, and whether more of them is waited for. */
  async lack(): Promise<{ readonly logs: readonly LogId[]; readonly isMoreAwaited: boolean }> {
    const { client, keys } = this.#options
    const loss = await readLoss(client, keys)
    return { logs: lackingLogs(loss), isMoreAwaited: isAwaited(loss) }
  }

  /** What the counters lack; undefined where they are whole. @param read the last that was read of them */
  async loss({ positions }: Pick<MetaAndChanges, "positions">): Promise<Loss | undefined> {
    const { client, keys, experiment } = this.#options
    const loss = await readLoss(client, keys)
    const { mark, since, creditedSince, missing, owed, fillingMs } = loss
    if (missing.size + owed.size === 0 && fillingMs === undefined) return undefined
    const isAbandoned = fillingMs !== undefined && fillingMs > FILLS_WITHIN_MS
    const lacks = { isAwaited: isAwaited(loss), isAbandoned, positions, missing, owed }
    return { experiment, mark, since, creditedSince, ...lacks }
  }

  /**
   * Puts contents in place of the counters.
   *
   * @param mark of those that are replaced, empty for none
   * @param isRestoring whether the credits of all logs are to be brought back before anything is folded, and newer counters stay
   * @returns whether it was done
   */
  async replace(
    client: RedisClient,
    mark: string,
    contents: CounterContents,
    { isRestoring, nowSeconds }: { readonly isRestoring: boolean; readonly nowSeconds: number },
  ): Promise<boolean> {
    const { keys, waits, areOthers } = this.#options
    const creditsMs = isRestoring ? waits.logsMs : undefined
    const restored = await restoreContents({ client, keys, mark, creditsMs, nowSeconds }, contents)
    if (restored === undefined) return false
    await areOthers()
    this.#meet(restored)
    return true
  }

  /** Other counters, of which it is said already what they lack. */
  #meet(mark: string): void {
    this.#mark = mark
    for (const [log, position] of this.#positions) this.#fellBack.set(log, position)
  }

  /** Says that the credits of a log are back. */
  async settle(log: LogId, upTo: LogPosition): Promise<void> {
    const { client, keys } = this.#options
    await settleLog(client, keys, this.mark, log, upTo)
  }

  /** The counters were reset on purpose: nothing of them is missed here. */
  forget(): void {
    this.#mark = undefined
    this.#positions.clear()
    this.#fellBack.clear()
  }
}
