import { isAfter, type LogSpan } from "../../domain/log-position.ts"
import { EVENT_BEGIN } from "../../domain/outcome-line.ts"
import {
  isSamePlace,
  type LinePlace,
  LOG_BEGIN,
  MEMBER_END,
  memberBegin,
  PLACE_BYTES,
  placeMember,
} from "../../domain/placed-line.ts"
import type { LinesRead, OutcomeReader } from "../../ports/outcome-reader.ts"
import { endOfLines, isAbsent, logFile } from "./log-files.ts"
import { createOutcomeReader, ReadLines } from "./outcome-reader.ts"

const LINE_FEED = 10
const CLOSING_BRACE = 125
const ZERO = 48
const BEGIN = Buffer.from(EVENT_BEGIN)
const MEMBER_ENDS = Buffer.from(`${MEMBER_END}\n`)

/**
 * Reads the outcome log of a folder for whoever keeps a copy of it elsewhere: each event says, as its last member, which line of which log it is
 * (`placeMember`). Lines that are no whole event stay as they are. What was read is good until more is.
 *
 * @param chunkBytes how much is read at once
 */
export function createPlacedReader(folder: string, chunkBytes?: number): OutcomeReader {
  const reader = createOutcomeReader(folder, chunkBytes)
  const placer = new LinePlacer(folder)
  return {
    ...reader,
    read: async function* (from, until) {
      for await (const read of reader.read(from, until)) {
        // Asked after the lines were read: the log may have taken another id before them.
        yield await placer.place(read, await reader.spans())
      }
    },
  }
}

/** Remembers where the last event of a log ended, so that damage between two events doesn't look as if events were missing. */
class LinePlacer {
  readonly #folder: string
  #lastEvent: LinePlace | undefined
  #end: LinePlace | undefined
  /** For the lines of one chunk after the other: memory that is asked for again costs as much as what is written to it. */
  #room = Buffer.alloc(0)

  constructor(folder: string) {
    this.#folder = folder
  }

  async place(read: LinesRead, spans: readonly LogSpan[]): Promise<LinesRead> {
    const begin = await this.#beginOf(read)
    if (!isSamePlace(begin, this.#end)) this.#lastEvent = begin
    this.#end = read.end
    return new ReadLines(this.#withPlaces(read, spans), read.end)
  }

  /** Where the line before these ends; undefined where the file before theirs is gone. */
  async #beginOf({ bytes, end }: LinesRead): Promise<LinePlace | undefined> {
    const offset = end.offset - bytes.length
    // What begins with a line feed begins in the middle of damage.
    if (bytes[0] === LINE_FEED) return this.#end ?? (bytes.length === 1 ? end : { file: end.file, offset })
    if (offset > 0) return { file: end.file, offset }
    for (let file = end.file - 1; file > 0; file--) {
      const ends = await this.#endOf(file)
      if (ends === undefined || ends > 0) return ends === undefined ? undefined : { file, offset: ends }
    }
    return LOG_BEGIN
  }

  /** Undefined for a file that is gone. */
  async #endOf(file: number): Promise<number | undefined> {
    try {
      return (await endOfLines(logFile(this.#folder, file))).end
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  #withPlaces(read: LinesRead, spans: readonly LogSpan[]): Buffer {
    const { file, offset } = read.end
    const bytes = Buffer.from(read.bytes.buffer, read.bytes.byteOffset, read.bytes.length)
    // No event is shorter than its place.
    if (this.#room.length < 2 * bytes.length) this.#room = Buffer.allocUnsafe(2 * bytes.length)
    const placed = this.#room
    let used = 0
    let member = { log: "", begin: Buffer.alloc(0) }
    for (let begin = 0; begin < bytes.length; ) {
      const feed = bytes.indexOf(LINE_FEED, begin)
      const start = { file, offset: offset - bytes.length + begin }
      const span = isEvent(bytes, begin, feed) ? spanAt(spans, start) : undefined
      if (span === undefined) used += bytes.copy(placed, used, begin, feed + 1)
      else {
        const end = { file, offset: offset - bytes.length + feed + 1 }
        const before = isFirstOf(span, this.#lastEvent ?? start) ? LOG_BEGIN : this.#lastEvent
        used += bytes.copy(placed, used, begin, feed - 1)
        if (isSamePlace(before, start)) {
          if (member.log !== span.id) member = { log: span.id, begin: Buffer.from(memberBegin(span.id, file)) }
          used += member.begin.copy(placed, used)
          used = writeEnd(placed, used, end.offset)
        } else {
          used += placed.write(`${placeMember({ log: span.id, end, after: before })}\n`, used, "latin1")
        }
        this.#lastEvent = end
      }
      begin = feed + 1
    }
    return placed.subarray(0, used)
  }
}

/** What ends a member, and its line. By hand, since a text for each line would take several times as long. @returns where it ends */
function writeEnd(bytes: Buffer, from: number, offset: number): number {
  let digits = 1
  for (let rest = offset; rest >= 10; rest = Math.floor(rest / 10)) digits += 1
  const end = from + digits
  let rest = offset
  for (let at = end - 1; at >= from; at--) {
    const next = Math.floor(rest / 10)
    bytes[at] = ZERO + rest - 10 * next
    rest = next
  }
  return end + MEMBER_ENDS.copy(bytes, end)
}

function isEvent(bytes: Buffer, begin: number, feed: number): boolean {
  if (feed - begin < PLACE_BYTES || bytes[feed - 1] !== CLOSING_BRACE) return false
  for (let index = 0; index < BEGIN.length; index++) if (bytes[begin + index] !== BEGIN[index]) return false
  return true
}

function spanAt(spans: readonly LogSpan[], start: LinePlace): LogSpan | undefined {
  return spans.findLast(({ since }) => since === undefined || !isAfter(since, start))
}

/** Whether nothing of this id lies before a place that the event before ends at. */
function isFirstOf({ since }: LogSpan, before: LinePlace): boolean {
  return since !== undefined && !isAfter(before, since)
}
