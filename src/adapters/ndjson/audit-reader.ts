import { open } from "node:fs/promises"
import type { AuditEvent } from "../../domain/events.ts"
import { parseOutcomeLine } from "../../domain/outcome-line.ts"
import { readBackwards } from "./lines-backwards.ts"
import { isAbsent, logFile, logFileNumbers } from "./log-files.ts"

const CHUNK_BYTES = 1 << 20

/** The whole lines of an audit trail, in chunks; half a line at its end is being written, or a crash left it. @throws the file system's error */
export async function* readAuditLines(path: string): AsyncGenerator<readonly string[]> {
  const file = await open(path, "r")
  try {
    let rest = ""
    for await (const chunk of file.createReadStream({
      encoding: "utf8",
      highWaterMark: CHUNK_BYTES,
      autoClose: false,
    })) {
      const lines = `${rest}${String(chunk)}`.split("\n")
      rest = lines.pop() ?? ""
      yield lines
    }
  } finally {
    await file.close()
  }
}

/** The last head of an audit trail that each of these logs has; none where retention has taken them. @throws the file system's error */
export async function lastHeads(folders: readonly string[]): Promise<AuditEvent[]> {
  const found = await Promise.all(folders.map(lastHead))
  return found.flatMap((head) => head ?? [])
}

async function lastHead(folder: string): Promise<AuditEvent | undefined> {
  for (const number of (await logFileNumbers(folder)).toReversed()) {
    const head = await lastHeadIn(logFile(folder, number))
    if (head !== undefined) return head
  }
  return undefined
}

async function lastHeadIn(path: string): Promise<AuditEvent | undefined> {
  try {
    for await (const line of readBackwards(path)) {
      // Telling by the text is a tenth of the work of parsing decisions.
      if (!line.includes('"type":"audit"')) continue
      const event = parseOutcomeLine(line)
      if (event?.type === "audit") return event
    }
  } catch (error) {
    // Retention may delete a file meanwhile.
    if (!isAbsent(error)) throw error
  }
  return undefined
}
