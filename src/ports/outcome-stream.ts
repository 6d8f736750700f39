/** What has become of outcomes that were to go to a stream, since the start. */
export interface StreamCounts {
  /** Calls to the stream; of those, ones that failed as a whole, and ones in which the stream refused something because there was too much. */
  calls: number
  failedCalls: number
  throttledCalls: number
  sentRecords: number
  sentEvents: number
  /** Records that were sent again, since the stream refused them or its answer never came. */
  retriedRecords: number
  /** Events that are larger than the stream takes: they are nowhere but in the log. */
  oversizedEvents: number
  /** Lines that are no whole event. */
  damagedLines: number
}

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
