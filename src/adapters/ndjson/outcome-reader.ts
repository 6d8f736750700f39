import { open } from "node:fs/promises"
import { GatewayError } from "../../domain/errors.ts"
import { type LogPosition, samePosition } from "../../domain/log-position.ts"
import { MAX_LINE_BYTES } from "../../domain/outcome-line.ts"
import type { LinesRead, OutcomeReader } from "../../ports/outcome-reader.ts"
import { lineHash } from "./line-hash.ts"
import {
  endOfLines,
  isAbsent,
  type LineEnds,
  logFile,
  logFileNumbers,
  positionAt,
  writtenLogFiles,
} from "./log-files.ts"
import { readLogSpans } from "./log-identity.ts"

const LINE_FEED = 10
const CHUNK_BYTES = 1 << 18

/**
 * Reads the outcome log of a folder, beside its writer if need be.
 *
 * @param chunkBytes how much is read at once: lines come together that fit
 */
export function createOutcomeReader(folder: string, chunkBytes = CHUNK_BYTES): OutcomeReader {
  async function begin(): Promise<LogPosition | undefined> {
    const file = (await logFileNumbers(folder))[0]
    return file === undefined ? undefined : { file, offset: 0, hash: "" }
  }

  async function end(): Promise<LogPosition | undefined> {
    const file = (await writtenLogFiles(folder)).at(-1)
    if (file === undefined) return undefined
    const path = logFile(folder, file)
    return await positionAt(path, file, (await endOfLines(path)).end)
  }

  async function reaches(position: LogPosition): Promise<boolean> {
    const files = await logFileNumbers(folder)
    if (!files.includes(position.file)) return false
    const there = await positionAt(logFile(folder, position.file), position.file, position.offset)
    return there !== undefined && samePosition(there, position)
  }

  async function* read(from: LogPosition | undefined, until: LogPosition | undefined): AsyncGenerator<LinesRead> {
    const files = await writtenLogFiles(folder)
    const last = files.at(-1)
    for (const file of files) {
      if (file < (from?.file ?? 0) || file > (until?.file ?? file)) continue
      const path = logFile(folder, file)
      const ends = await endOfLinesIfThere(path, file === last)
      if (ends === undefined) continue
      const limit = until?.file === file ? Math.min(until.offset, ends.end) : ends.end
      // A file that another one follows will not be continued: what lacks its line feed there is a damaged line.
      const torn = file !== last && ends.size > ends.end && limit === ends.end
      yield* readLines({ path, file, from: from?.file === file ? from.offset : 0, limit, chunkBytes })
      const end = torn && until?.file !== file ? await positionAt(path, file, ends.end) : undefined
      if (end !== undefined) yield new ReadLines(Buffer.of(LINE_FEED), end)
    }
  }

  return {
    spans: () => translating(readLogSpans(folder)),
    begin: () => translating(begin()),
    end: () => translating(end()),
    reaches: (position) => translating(reaches(position)),
    read: (from, until) => translatingEach(read(from, until)),
  }
}

/** Undefined for a file that was deleted since its name was read, which the one that is written never is. */
async function endOfLinesIfThere(path: string, isLast: boolean): Promise<LineEnds | undefined> {
  try {
    return await endOfLines(path)
  } catch (error) {
    if (!isLast && isAbsent(error)) return undefined
    throw error
  }
}

/** Lines that are decoded only where somebody looks at them. */
export class ReadLines implements LinesRead {
  readonly bytes: Buffer
  readonly end: LogPosition
  #lines: readonly string[] | undefined

  /** @param bytes whole lines with their line feeds, at least one */
  constructor(bytes: Buffer, end: LogPosition) {
    this.bytes = bytes
    this.end = end
  }

  get lines(): readonly string[] {
    this.#lines ??= this.bytes.toString("utf8", 0, this.bytes.length - 1).split("\n")
    return this.#lines
  }
}

/** Part of a file, and in which pieces it is read. */
interface Part {
  readonly path: string
  readonly file: number
  /** Offsets in bytes. */
  readonly from: number
  readonly limit: number
  readonly chunkBytes: number
}

async function* readLines({ path, file, from, limit, chunkBytes }: Part): AsyncGenerator<LinesRead> {
  const handle = await open(path, "r")
  try {
    let rest: Uint8Array = new Uint8Array(0)
    let overlong = false
    const chunk = Buffer.allocUnsafe(Math.max(0, Math.min(chunkBytes, limit - from)))
    for (let offset = from; offset < limit; ) {
      const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.length, limit - offset), offset)
      if (bytesRead === 0) return
      offset += bytesRead
      const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
      const lastFeed = bytes.lastIndexOf(LINE_FEED)
      rest = bytes.subarray(lastFeed + 1)
      if (lastFeed >= 0) {
        const end = { file, offset: offset - rest.length, hash: lineHash(lastLine(bytes, lastFeed)) }
        if (overlong) {
          overlong = false
          // Read as one empty line, which is no event.
          const afterDamage = bytes.subarray(bytes.indexOf(LINE_FEED), lastFeed + 1)
          yield new ReadLines(afterDamage, (await positionAt(path, file, end.offset)) ?? end)
        } else yield new ReadLines(bytes.subarray(0, lastFeed + 1), end)
      }
      if (rest.length > MAX_LINE_BYTES) {
        overlong = true
        rest = new Uint8Array(0)
      }
    }
  } finally {
    await handle.close()
  }
}

async function translating<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    throw unreadable(cause)
  }
}

async function* translatingEach<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items
  } catch (cause) {
    throw unreadable(cause)
  }
}

function unreadable(cause: unknown): GatewayError {
  return new GatewayError("log_unavailable", { detail: "[ndjson] the outcome log can't be read", cause })
}

/** The line that ends at a line feed. */
function lastLine(bytes: Uint8Array, feed: number): Uint8Array {
  const text = bytes.subarray(0, feed)
  return text.subarray(text.lastIndexOf(LINE_FEED) + 1)
}
