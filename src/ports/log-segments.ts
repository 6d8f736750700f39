import type { LogPosition } from "../domain/log-position.ts"

/** One file of the outcome log. */
export interface LogSegment {
  readonly file: number
  readonly bytes: number
  /** When its newest decision or reward was taken, epoch milliseconds; undefined where it has none, and of the one being written. */
  readonly newestAt: number | undefined
}

/** The files of an outcome log. */
export interface LogSegments {
  /** Ascending; the last is the one being written. @throws GatewayError `log_unavailable` */
  list(): Promise<readonly LogSegment[]>
  /** Deletes a file. Oldest first, so that what remains has no gaps. @throws GatewayError `log_unavailable` */
  remove(file: number): Promise<void>
  /** How many bytes of the log come after a position; undefined: all of it. @throws GatewayError `log_unavailable` */
  bytesAfter(position: LogPosition | undefined): Promise<number>
  /** Makes a file's lines durable, whoever has written them. @throws GatewayError `log_unavailable` */
  sync(file: number): Promise<void>
}
