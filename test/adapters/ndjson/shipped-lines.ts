import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { GatheredLogs } from "#src/adapters/ndjson/gathered-logs.ts"
import { createPlacedReader } from "#src/adapters/ndjson/placed-reader.ts"
import type { LogSpan } from "#src/domain/log-position.ts"
import { decisionEvent } from "#test/outcomes.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

/** Ids of logs, as long as real ones. */
export const [LOG, OTHER_LOG] = ["A".repeat(22), "B".repeat(22)] as const

/** A line of a log, without its line feed. */
export function lineOf(decisionId: string): string {
  return JSON.stringify(decisionEvent({ decisionId }))
}

/** Writes the files of a log, numbered from 1, and the ids that it goes by. */
export function writeLog(
  folder: string,
  files: readonly (readonly string[])[],
  spans: readonly LogSpan[] = [{ id: LOG, since: undefined }],
): void {
  mkdirSync(folder, { recursive: true })
  for (const [index, lines] of files.entries()) {
    const name = `outcomes-${String(index + 1).padStart(8, "0")}.ndjson`
    writeFileSync(join(folder, name), lines.map((line) => `${line}\n`).join(""))
  }
  writeFileSync(join(folder, "log.json"), JSON.stringify({ v: 1, spans }))
}

/** The events of a folder's log as the stream has them. */
export async function shippedLines(folder: string, chunkBytes?: number): Promise<string[]> {
  const shipped: string[] = []
  for await (const { lines } of createPlacedReader(folder, chunkBytes).read(undefined, undefined)) {
    // What is no whole event is not sent.
    shipped.push(...lines.filter((line) => line.startsWith('{"v":1,') && line.endsWith("}")))
  }
  return shipped
}

/** What copies of lines make. @param linesAtOnce how many a chunk of a copy has */
export async function gather(lines: readonly string[], linesAtOnce = 7): Promise<GatheredLogs> {
  const gathered = new GatheredLogs(temporaryFolder())
  for (let index = 0; index < lines.length; index += linesAtOnce) {
    const some = lines.slice(index, index + linesAtOnce)
    await gathered.take(Buffer.from(some.map((line) => `${line}\n`).join("")))
  }
  return gathered
}
