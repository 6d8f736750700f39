import type { StreamCounts } from "../domain/stream-counts.ts"

/** A stream elsewhere that takes outcomes. No order is promised: an event says by itself what it is, and its `eventId` tells repetitions. */
export interface OutcomeStream {
  readonly counts: Readonly<StreamCounts>
  /** Why the last call failed; undefined where it didn't. */
  readonly problem: string | undefined
  /**
   * Sends lines and settles when the stream has all of them. What fails is tried again, as long as it takes.
   *
   * @param lines UTF-8, each with its line feed
   * @throws the signal's reason once it aborts: nobody knows what the stream has by then
   */
  send(lines: Uint8Array, signal: AbortSignal): Promise<void>
  /** Lets go of connections. */
  close(): void
}
