import type { ExperimentEvent } from "../domain/events.ts"
import type { LogMark } from "../domain/retention.ts"
import type { CounterContents } from "./counter-archive.ts"

/** What a checkpoint stands for. */
export interface CheckpointHead {
  /** Counts up from 1. */
  readonly number: number
  /** The logs of the folder that keeps it, the first thread's first: every line before each place is in the counters. */
  readonly logs: readonly [LogMark, ...LogMark[]]
  /** Every line taken before this time is in the counters, epoch milliseconds. */
  readonly foldedTo: number
}

export interface Checkpoint extends CheckpointHead {
  readonly contents: CounterContents
  /** Every revision of every experiment, oldest first: a store that was lost lacks them too. */
  readonly revisions: readonly ExperimentEvent[]
}

/**
 * Checkpoints of the counters, kept beside the outcome log: what remains of its files that were deleted. The newest two are kept, so that
 * one that is damaged loses nothing.
 */
export interface Checkpoints {
  /** Those that can be read, newest first. @throws GatewayError `log_unavailable` when the folder can't be read */
  list(): Promise<readonly CheckpointHead[]>
  /** The newest that can be read now; undefined where there is none. @throws GatewayError `log_unavailable` */
  newest(): Promise<Checkpoint | undefined>
  /**
   * Writes one whole, durable when it settles, and forgets all but the newest two.
   *
   * @param contents as `CounterArchive.pack` gives them
   * @throws GatewayError `log_unavailable`: those that were there still are
   */
  write(
    head: Omit<CheckpointHead, "number">,
    revisions: readonly ExperimentEvent[],
    contents: Uint8Array,
  ): Promise<CheckpointHead>
  /** Notes that a store is being made anew from a checkpoint, durably, or that it is done. @throws GatewayError `log_unavailable` */
  setRestoring(restoring: boolean): Promise<void>
  /** Whether that was begun and never done: what the store holds is then to be made anew. @throws GatewayError `log_unavailable` */
  isRestoring(): Promise<boolean>
}
