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

export function noStreamCounts(): StreamCounts {
  return {
    calls: 0,
    failedCalls: 0,
    throttledCalls: 0,
    sentRecords: 0,
    sentEvents: 0,
    retriedRecords: 0,
    oversizedEvents: 0,
    damagedLines: 0,
  }
}

export function addStreamCounts(one: Readonly<StreamCounts>, other: Readonly<StreamCounts>): StreamCounts {
  return {
    calls: one.calls + other.calls,
    failedCalls: one.failedCalls + other.failedCalls,
    throttledCalls: one.throttledCalls + other.throttledCalls,
    sentRecords: one.sentRecords + other.sentRecords,
    sentEvents: one.sentEvents + other.sentEvents,
    retriedRecords: one.retriedRecords + other.retriedRecords,
    oversizedEvents: one.oversizedEvents + other.oversizedEvents,
    damagedLines: one.damagedLines + other.damagedLines,
  }
}
