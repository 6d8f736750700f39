import { open, rm, stat } from "node:fs/promises"
import { GatewayError } from "../../domain/errors.ts"
import type { LogPosition } from "../../domain/log-position.ts"
import { MAX_LINE_BYTES, parseOutcomeLine } from "../../domain/outcome-line.ts"
import type { LogSegment, LogSegments } from "../../ports/log-segments.ts"
import { isAbsent, logFile, logFileNumbers, writtenLogFiles } from "./log-files.ts"

/** Enough for hundreds of lines. Lines are in the order in which they were taken but for seconds, so that the newest is among the last. */
const TAIL_BYTES = 1 << 18

/** The files of an outcome log, to be deleted one day. Files that another one follows never change: each is looked into once. */
export function createLogSegments(folder: string): LogSegments {
  const sealed = new Map<number, LogSegment>()

  async function list(): Promise<LogSegment[]> {
    const files = await writtenLogFiles(folder)
    const segments: LogSegment[] = []
    for (const [index, file] of files.entries()) {
      const path = logFile(folder, file)
      if (index === files.length - 1) {
        segments.push({ file, bytes: (await stat(path)).size, newestAt: undefined })
        break
      }
      const segment = sealed.get(file) ?? (await lookInto(path, file))
      sealed.set(file, segment)
      segments.push(segment)
    }
    return segments
  }

  return {
    list: () => translating(list()),
    remove: async (file) => {
      await translating(rm(logFile(folder, file), { force: true }))
      sealed.delete(file)
    },
    bytesAfter: (position) => translating(bytesAfter(folder, position)),
    sync: (file) => translating(syncFile(logFile(folder, file))),
  }
}

async function bytesAfter(folder: string, position: LogPosition | undefined): Promise<number> {
  let bytes = 0
  for (const file of await logFileNumbers(folder)) {
    if (file < (position?.file ?? 0)) continue
    const passed = file === position?.file ? position.offset : 0
    bytes += Math.max(0, (await sizeOf(logFile(folder, file))) - passed)
  }
  return bytes
}

/** 0 for a file that was deleted since its name was read. */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (isAbsent(error)) return 0
    throw error
  }
}

/** One that was deleted since needs it no more. */
async function syncFile(path: string): Promise<void> {
  try {
    const file = await open(path, "r")
    try {
      await file.datasync()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (!isAbsent(error)) throw error
  }
}

async function lookInto(path: string, number: number): Promise<LogSegment> {
  const file = await open(path, "r")
  try {
    const { size } = await file.stat()
    let newestAt: number | undefined
    // A single line may be longer than the tail.
    for (let length = TAIL_BYTES; newestAt === undefined; length *= 4) {
      const bytes = Buffer.alloc(Math.min(size, length))
      await file.read(bytes, 0, bytes.length, size - bytes.length)
      newestAt = newestIn(bytes.toString("utf8"))
      if (bytes.length === size || length > MAX_LINE_BYTES) break
    }
    return { file: number, bytes: size, newestAt }
  } finally {
    await file.close()
  }
}

/** A revision is logged again with the time of its change, so decisions and rewards alone tell the time. */
function newestIn(text: string): number | undefined {
  let newest: number | undefined
  for (const line of text.split("\n")) {
    const event = parseOutcomeLine(line)
    if (event === undefined || event.type === "experiment") continue
    newest = Math.max(newest ?? 0, Date.parse(event.at))
  }
  return newest
}

async function translating<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    throw new GatewayError("log_unavailable", { detail: "[ndjson] files of the outcome log can't be listed", cause })
  }
}
