import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { readStream } from "../adapters/kinesis/stream-reader.ts"
import { logFolders } from "../adapters/ndjson/log-folders.ts"
import { createOutcomeReader } from "../adapters/ndjson/outcome-reader.ts"
import { LogCursorFile } from "../adapters/node-files/log-cursor.ts"
import { LogFollower } from "../app/follow-log.ts"
import { entryOf } from "../domain/entry-of.ts"
import type { OutcomeEvent } from "../domain/events.ts"
import type { LogPosition } from "../domain/log-position.ts"
import { parseOutcomeLine } from "../domain/outcome-line.ts"
import type { LogCursor } from "../ports/log-cursor.ts"
import type { Io } from "./command.ts"
import { outcomeSource } from "./outcome-source.ts"
import { Refusal } from "./refusal.ts"
import { timeOf } from "./time-option.ts"

const LOOK_EVERY_MS = 500
const TYPES = ["decision", "reward", "experiment", "audit"] as const
/** A repeated event comes soon after the first, but for revisions, which every log has. */
const REMEMBERED_EVENTS = 100_000

type Print = (lines: readonly string[]) => Promise<void>

/** `outcomes tail`. @throws Refusal */
export async function tailOutcomes(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "data-dir": { type: "string" },
      stream: { type: "string" },
      cursor: { type: "string" },
      follow: { type: "boolean", default: false },
      from: { type: "string" },
      experiment: { type: "string" },
      type: { type: "string" },
      "every-line": { type: "boolean", default: false },
    },
  })
  const { cursor, follow, experiment, type } = values
  if (type !== undefined && !TYPES.some((known) => known === type)) {
    throw new Refusal(`--type must be one of ${TYPES.join(", ")}`)
  }
  const from = timeOf("--from", values.from)
  const source = outcomeSource(values, io)
  const print = createPrinter(
    io,
    values["every-line"],
    (event) =>
      (experiment === undefined || (event.type !== "audit" && event.experiment === experiment)) &&
      (type === undefined || event.type === type) &&
      (from === undefined || Date.parse(event.at) >= from),
  )
  if (source.kind === "folder") await tailFolder(source.dataDir, { io, print, follow, cursor })
  else {
    if (cursor !== undefined)
      throw new Refusal("--cursor is for the log of a data folder: a stream is read with --from")
    const reading = { stream: source.stream, from, follow, now: () => Date.now(), sleep: (ms: number) => sleep(ms) }
    for await (const { lines } of readStream(reading)) await print(lines)
  }
  return 0
}

interface FolderTail {
  readonly io: Io
  readonly print: Print
  readonly follow: boolean
  /** The cursor's file. */
  readonly cursor: string | undefined
}

async function tailFolder(dataDir: string, { io, print, follow, cursor: file }: FolderTail): Promise<void> {
  const say = (_: unknown, message: string): void => void io.stderr.write(`${message}\n`)
  const cursors = file === undefined ? undefined : new LogCursorFile(file)
  const followers = new Map<number, LogFollower>()
  for (;;) {
    for (const { thread, folder } of await logFolders(dataDir)) {
      const follower = entryOf(followers, thread, () => {
        const cursor = cursors?.cursor(thread) ?? createPassingCursor()
        const logger = { info: say, warn: say, error: say }
        return new LogFollower({
          reader: createOutcomeReader(folder),
          cursor,
          logger,
          take: ({ lines }) => print(lines),
        })
      })
      await follower.catchUp()
    }
    if (!follow) return
    await sleep(LOOK_EVERY_MS)
  }
}

/** Prints lines that are events, each event id once unless every line is wanted. */
function createPrinter(io: Io, everyLine: boolean, wanted: (event: OutcomeEvent) => boolean): Print {
  let printed = new Set<string>()
  let before = new Set<string>()
  const printedRevisions = new Set<string>()
  return async (lines) => {
    const texts: string[] = []
    for (const line of lines) {
      const event = parseOutcomeLine(line)
      if (event === undefined || !wanted(event)) continue
      if (everyLine) {
        texts.push(`${line}\n`)
        continue
      }
      const seen = event.type === "experiment" ? printedRevisions : printed
      if (seen.has(event.eventId) || before.has(event.eventId)) continue
      seen.add(event.eventId)
      texts.push(`${line}\n`)
      if (printed.size < REMEMBERED_EVENTS) continue
      before = printed
      printed = new Set()
    }
    if (texts.length > 0) io.stdout.write(texts.join(""))
  }
}

/** Remembers nothing beyond the command. */
function createPassingCursor(): LogCursor {
  let last: LogPosition | undefined
  return {
    load: async () => last,
    save: async (position) => {
      last = position
    },
  }
}
