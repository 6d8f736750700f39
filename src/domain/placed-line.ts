import type { LogId, LogPosition } from "./log-position.ts"

/** A place between two lines, before anybody has asked for the hash that tells its log. */
export type LinePlace = Pick<LogPosition, "file" | "offset">

/** Which line of which log a line of the stream is. */
export interface PlacedLine {
  readonly log: LogId
  /** Where it ends there, after its line feed. */
  readonly end: LinePlace
  /**
   * Where the event before it ends. `LOG_BEGIN`: there is none. Undefined: where this one begins, or, for the first of a file, unknown, since the
   * file before was gone.
   */
  readonly after: LinePlace | undefined
}

/** Nothing of a log lies before this place. */
export const LOG_BEGIN: LinePlace = { file: 0, offset: 0 }

/** Longer than any member `log` with what ends the line, bytes. */
export const PLACE_BYTES = 96

const MEMBER = /,"log":"([\w-]{22}):(\d{1,12}):(\d{1,15})(?::(\d{1,12}):(\d{1,15}))?"\}$/

/** What takes the place of a line's closing brace: the member `log`, and the brace. */
export function placeMember({ log, end, after }: PlacedLine): string {
  const before = after === undefined ? "" : `:${after.file}:${after.offset}`
  return `${memberBegin(log, end.file)}${end.offset}${before}${MEMBER_END}`
}

/** A member up to the offset: the same for all lines of a file. */
export function memberBegin(log: LogId, file: number): string {
  return `,"log":"${log}:${file}:`
}

export const MEMBER_END = '"}'

/**
 * Reads the member `log` at the end of a line.
 *
 * @param tail the line without its line feed, or its last `PLACE_BYTES` bytes at least
 * @returns also how long the member is with the brace; undefined where the line says no place
 */
export function readPlace(tail: string): { readonly place: PlacedLine; readonly length: number } | undefined {
  const [member, log, file, offset, beforeFile, beforeOffset] = MEMBER.exec(tail) ?? []
  if (member === undefined || log === undefined) return undefined
  const after = beforeFile === undefined ? undefined : { file: Number(beforeFile), offset: Number(beforeOffset) }
  return { place: { log, end: { file: Number(file), offset: Number(offset) }, after }, length: member.length }
}

/** Whether both are the same place. */
export function isSamePlace(a: LinePlace | undefined, b: LinePlace | undefined): boolean {
  return a?.file === b?.file && a?.offset === b?.offset
}
