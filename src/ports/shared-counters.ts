import type { CounterContents } from "../domain/counter-contents.ts"
import type { LogId, LogPosition } from "../domain/log-position.ts"

/** What the counters of one experiment lack, that gateways share and that were lost. */
export interface Loss {
  readonly experiment: string
  /** Which counters there are now: a checkpoint of the same ones has nothing that they lack. */
  readonly mark: string
  /** The counters are of this time or later, epoch milliseconds by the store's clock: no older checkpoint replaces them. */
  readonly since: number
  /** No decision that was made before this time has a credit to be brought back, epoch seconds. */
  readonly creditedSince: number
  /** Whether a checkpoint may still replace them: logs are waited for. */
  readonly isAwaited: boolean
  /** Whether a gateway began to restore them and stopped half-way. */
  readonly isAbandoned: boolean
  /** Where each log stands. */
  readonly positions: ReadonlyMap<LogId, LogPosition>
  /** Logs that had been folded further before, and how far. */
  readonly missing: ReadonlyMap<LogId, LogPosition>
  /** Logs whose credits are to be brought back, and up to where. */
  readonly owed: ReadonlyMap<LogId, LogPosition>
}

/** Which counters there were, and where each log stood in them. */
export type KnownCounters = Pick<CounterContents, "positions" | "origins">

/**
 * Counters that gateways share, as far as restoring them goes. They are restored from a checkpoint in three steps: `restoreLost` puts the counters
 * and the positions of all logs there; each gateway gives the credits of its logs up to those positions back, by `remember`, and says so by
 * `settle`; then logs are folded on. Until all credits are back no fold is taken (GatewayError `store_unavailable`, retryable): a repeated reward
 * would count twice. Logs that nobody brings back are waited for so long, and no longer.
 *
 * Every method may throw GatewayError `store_unavailable`, retryable.
 */
export interface SharedCounters {
  /** Says what counters were like when a checkpoint was made: a gateway that has met none yet tells by that whether they were lost. */
  know(counters: KnownCounters): void
  /** What is lacking, of each experiment whose counters were lost and are not whole. */
  losses(): Promise<readonly Loss[]>
  /**
   * Replaces the counters of one experiment by those of a checkpoint.
   *
   * @param loss as it was read: nothing is done where the counters are others by now, or of a later time than the checkpoint
   * @returns whether it was done
   */
  restoreLost(loss: Pick<Loss, "experiment" | "mark">, contents: CounterContents): Promise<boolean>
  /** Whether a gateway has said in the last minute up to when a log is folded (`CounterStore.alive`), and may say more. */
  isWritten(log: LogId): Promise<boolean>
  /** Says that the credits of a log are back, up to where it was owed. */
  settle(experiment: string, log: LogId, upTo: LogPosition): Promise<void>
}
