import { existsSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { logFolders } from "../adapters/ndjson/log-folders.ts"
import { createOutcomeReader } from "../adapters/ndjson/outcome-reader.ts"
import { LogCursorFile } from "../adapters/node-files/log-cursor.ts"
import { LogFollower } from "../app/follow-log.ts"
import { entryOf } from "../domain/entry-of.ts"
import type { OutcomeEvent } from "../domain/events.ts"
import type { LogPosition } from "../domain/log-position.ts"
import { parseOutcomeLine } from "../domain/outcome-line.ts"
import type { LogCursor } from "../ports/log-cursor.ts"
import type { Command, Io } from "./command.ts"
import { refuse } from "./refusal.ts"

const LOOK_EVERY_MS = 500
const TYPES = ["decision", "reward", "experiment", "audit"] as const
/** A repeated event comes soon after the first, but for revisions, which every log has. */
const REMEMBERED_EVENTS = 100_000

export const outcomes: Command = {
  name: "outcomes",
  summary: "Print the outcome log, each event once; go on as it grows",
  usage: `npm run cli -- outcomes tail [--data-dir DIR] [--cursor FILE] [--follow]
                             [--experiment ID] [--type TYPE]

Prints the outcome log in DIR/outcomes as it is, one JSON object a line, each
event once. Works beside a running gateway. Where several threads serve, each
has a log: they are printed one after the other, each in its order.

  --data-dir DIR   default: DATA_DIR, or ./data
  --cursor FILE    remembers in FILE how far the log was printed, and begins
                   there the next time; made where it isn't there. In
                   DIR/cursors, named *.json, it keeps the log's files from
                   being deleted until they were printed
  --follow         goes on as the log grows, until it is stopped
  --experiment ID  only events of this experiment
  --type TYPE      only decision, reward, experiment or audit events

  npm run cli -- outcomes tail --type reward | head`,
  run: async (args, io) => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        "data-dir": { type: "string" },
        cursor: { type: "string" },
        follow: { type: "boolean", default: false },
        experiment: { type: "string" },
        type: { type: "string" },
      },
    })
    const dataDir = values["data-dir"] ?? io.env["DATA_DIR"] ?? "./data"
    const mistake = mistakeIn(positionals, values.type, join(dataDir, "outcomes"))
    if (mistake !== undefined) {
      refuse(io, "outcomes", mistake)
      return 1
    }
    const say = (_: unknown, message: string): void => void io.stderr.write(`${message}\n`)
    const cursors = values.cursor === undefined ? undefined : new LogCursorFile(values.cursor)
    const take = createPrinter(io, (event) => matches(event, values.experiment, values.type))
    const followers = new Map<number, LogFollower>()
    do {
      for (const { thread, folder } of await logFolders(dataDir)) {
        const follower = entryOf(followers, thread, () => {
          const cursor = cursors?.cursor(thread) ?? createPassingCursor()
          const logger = { info: say, warn: say, error: say }
          return new LogFollower({ reader: createOutcomeReader(folder), cursor, logger, take })
        })
        await follower.catchUp()
      }
      if (values.follow) await sleep(LOOK_EVERY_MS)
    } while (values.follow)
    return 0
  },
}

function mistakeIn(positionals: readonly string[], type: string | undefined, folder: string): string | undefined {
  if (positionals.join(" ") !== "tail") return 'say what to do with the outcomes: "tail" prints them'
  if (type !== undefined && !TYPES.some((known) => known === type)) return `--type must be one of ${TYPES.join(", ")}`
  return existsSync(folder) ? undefined : `there is no ${folder}. Name a gateway's data folder with --data-dir`
}

function matches(event: OutcomeEvent, experiment: string | undefined, type: string | undefined): boolean {
  const of = event.type === "audit" ? undefined : event.experiment
  return (experiment === undefined || of === experiment) && (type === undefined || event.type === type)
}

/** Prints lines that are events, each event id once. */
function createPrinter(io: Io, wanted: (event: OutcomeEvent) => boolean): (lines: readonly string[]) => Promise<void> {
  const printed = new Set<string>()
  const printedRevisions = new Set<string>()
  return async (lines) => {
    const texts: string[] = []
    for (const line of lines) {
      const event = parseOutcomeLine(line)
      if (event === undefined || !wanted(event)) continue
      const seen = event.type === "experiment" ? printedRevisions : printed
      if (seen.has(event.eventId)) continue
      if (printed.size >= REMEMBERED_EVENTS) printed.clear()
      seen.add(event.eventId)
      texts.push(`${line}\n`)
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
