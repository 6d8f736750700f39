import { type FileHandle, open, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import type { LogPosition } from "../../domain/log-position.ts"
import { MAX_LINE_BYTES } from "../../domain/outcome-line.ts"
import { lineHash } from "./line-hash.ts"

const NAME = /^outcomes-(\d{8,})\.ndjson$/
const LINE_FEED = 10
const CHUNK_BYTES = 65_536

/** Path of a numbered log file. */
export function logFile(folder: string, number: number): string {
  return join(folder, `outcomes-${String(number).padStart(8, "0")}.ndjson`)
}

/** Numbers of the log files in a folder, ascending; none when the folder doesn't exist. */
export async function logFileNumbers(folder: string): Promise<number[]> {
  try {
    const names = await readdir(folder)
    return names
      .flatMap((name) => NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b)
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

/**
 * The same without the last one while it is empty and another is before it: it was made before it is needed. So every file but the last is one that
 * will not change any more, since nothing is written to it once the next one has lines.
 */
export async function writtenLogFiles(folder: string): Promise<number[]> {
  const files = await logFileNumbers(folder)
  const last = files.at(-1)
  if (files.length <= 1 || last === undefined) return files
  return (await stat(logFile(folder, last))).size === 0 ? files.slice(0, -1) : files
}

/** Whether a file system says that there is no such file or folder. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT"
}

/** Size of a file, and where its last whole line ends: a line exists when its line feed does. */
export interface LineEnds {
  readonly size: number
  readonly end: number
}

export async function endOfLines(path: string): Promise<LineEnds> {
  const file = await open(path, "r")
  try {
    const { size } = await file.stat()
    return { size, end: (await lastFeedBefore(file, size)) + 1 }
  } finally {
    await file.close()
  }
}

/** The position at `offset` of a file; undefined where no line ends there. */
export async function positionAt(path: string, number: number, offset: number): Promise<LogPosition | undefined> {
  if (offset === 0) return { file: number, offset, hash: "" }
  const file = await open(path, "r")
  try {
    const { size } = await file.stat()
    if (offset > size || (await lastFeedBefore(file, offset)) !== offset - 1) return undefined
    const begin = (await lastFeedBefore(file, offset - 1)) + 1
    const line = Buffer.alloc(Math.min(offset - 1 - begin, MAX_LINE_BYTES))
    await file.read(line, 0, line.length, begin)
    return { file: number, offset, hash: lineHash(line) }
  } finally {
    await file.close()
  }
}

/** Offset of the last line feed before `until`, -1 where there is none. */
async function lastFeedBefore(file: FileHandle, until: number): Promise<number> {
  const chunk = Buffer.alloc(CHUNK_BYTES)
  for (let end = until; end > 0; ) {
    const from = Math.max(0, end - CHUNK_BYTES)
    const { bytesRead } = await file.read(chunk, 0, end - from, from)
    const found = chunk.subarray(0, bytesRead).lastIndexOf(LINE_FEED)
    if (found >= 0) return from + found
    end = from
  }
  return -1
}
