import type { LogPosition, LogSpan } from "../domain/log-position.ts"

/** Whole lines of the log, in log order, and the position right after them. */
export interface LinesRead {
  /** Without their line feeds. Damaged ones are among them: whoever parses a line decides what it is. */
  readonly lines: readonly string[]
  /** The same lines as UTF-8, each with its line feed, for whoever passes them on unread. */
  readonly bytes: Uint8Array
  readonly end: LogPosition
}

/** Reads the outcome log from any place, also while it is being written. */
export interface OutcomeReader {
  /** The ids that the log has gone by, oldest first; none when there is no log. */
  spans(): Promise<readonly LogSpan[]>
  /** Where the first file that is still there begins; undefined when there is none. */
  begin(): Promise<LogPosition | undefined>
  /** End of the last whole line; undefined when there is no log. */
  end(): Promise<LogPosition | undefined>
  /** Whether the log has a line that ends at a position, and the same line. */
  reaches(position: LogPosition): Promise<boolean>
  /**
   * Lines in log order, in chunks of bounded size, up to the last line feed.
   *
   * @param from a position that a batch ended at, also one in a file that was deleted since; undefined: the beginning
   * @param until stops at this position; undefined: the end
   * @throws GatewayError `log_unavailable` when the device can't be read
   */
  read(from: LogPosition | undefined, until: LogPosition | undefined): AsyncIterable<LinesRead>
}
