import { open, readdir } from "node:fs/promises"
import { join } from "node:path"

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
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return []
    throw error
  }
}

/** Size of a file, and where its last whole line ends: a line exists when its line feed does. */
export async function endOfLines(path: string): Promise<{ readonly size: number; readonly end: number }> {
  const file = await open(path, "r")
  try {
    const { size } = await file.stat()
    const chunk = Buffer.alloc(CHUNK_BYTES)
    for (let until = size; until > 0; ) {
      const from = Math.max(0, until - CHUNK_BYTES)
      const { bytesRead } = await file.read(chunk, 0, until - from, from)
      const found = chunk.subarray(0, bytesRead).lastIndexOf(LINE_FEED)
      if (found >= 0) return { size, end: from + found + 1 }
      until = from
    }
    return { size, end: 0 }
  } finally {
    await file.close()
  }
}

/** Whether a file has a line that ends exactly at `offset`. */
export async function hasLineEndAt(path: string, offset: number): Promise<boolean> {
  const file = await open(path, "r")
  try {
    if (offset === 0) return true
    const byte = Buffer.alloc(1)
    const { bytesRead } = await file.read(byte, 0, 1, offset - 1)
    return bytesRead === 1 && byte[0] === LINE_FEED
  } finally {
    await file.close()
  }
}
