import type { LogId, LogPosition } from "../domain/log-position.ts"

export type { LogPosition }

/** One write to the log, shared by all lines of one event-loop turn. Neither promise rejects. */
export interface LogWrite {
  /** The position right after it once it has reached the operating system; undefined when it was dropped: the disk or the backlog is full. */
  readonly written: Promise<LogEnd | undefined>
  /** The same, but false as soon as it has waited longer than the adapter's bound; it may still be written later. The adapter counts both. */
  readonly answered: Promise<boolean>
}

/** An end of lines, before anybody has asked for the hash that makes it a `LogPosition`. */
export type LogEnd = Pick<LogPosition, "file" | "offset">

/**
 * The outcome log: append-only, the truth that counters are a fold of.
 *
 * Lines of one event-loop turn are appended by one write. A line is either appended whole or not at all: a write that fails part-way is cut
 * off again before the next.
 */
export interface OutcomeLog {
  /** Which log this is, in every store that it is folded into. */
  readonly id: LogId
  /** Where the log of this id begins. */
  readonly since: LogPosition | undefined
  /** Appends one line (JSON, without the line feed) to the write of this turn. */
  append(line: string): LogWrite
  /**
   * Makes everything appended so far durable (fsync, shared by all callers that wait).
   *
   * @throws GatewayError `log_unavailable`, retryable, when the device refuses
   */
  sync(): Promise<void>
  /** Called in order whenever more of the log has become durable, with where that ends. One listener. */
  onSynced(listener: (end: LogPosition) => void): void
  /** Begins a log of another id at the end of this one: what was folded under the old id is somebody else's. @throws GatewayError `log_unavailable` */
  renew(): Promise<void>
  /** Flushes, syncs and closes. */
  close(): Promise<void>
}
