/**
 * A place in an outcome log: everything before it has been written. Files are numbered from 1 and rotate; offsets are in bytes.
 *
 * `hash` is that of the last line before it (`lineHash`), empty where there is none in that file: a log that has something else there is
 * another log.
 */
export interface LogPosition {
  readonly file: number
  readonly offset: number
  readonly hash: string
}

/** Which log a position belongs to: made once per data folder, and anew where a folder was copied or restored. 22 base64url characters. */
export type LogId = string

/** A log that was silent for longer, milliseconds, has lapsed: credits that only it may still need are forgotten. */
export const LAPSED_AFTER_MS = 7 * 86_400_000

/** Whether `position` lies behind `other`; any position lies behind none. */
export function isAfter(
  position: Pick<LogPosition, "file" | "offset">,
  other: Pick<LogPosition, "file" | "offset"> | undefined,
): boolean {
  if (other === undefined) return true
  return position.file === other.file ? position.offset > other.offset : position.file > other.file
}

/** Whether both are the same place of the same log. */
export function samePosition(a: LogPosition | undefined, b: LogPosition | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.file === b.file && a.offset === b.offset && a.hash === b.hash
}

/** Part of a folder's log that goes by one id: from `since` (undefined: the beginning of the first file) up to the next span. */
export interface LogSpan {
  readonly id: LogId
  readonly since: LogPosition | undefined
}
