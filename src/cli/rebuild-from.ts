import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { findLogFiles } from "../adapters/duckdb/log-sources.ts"
import { readCopiedLines } from "../adapters/ndjson/copied-lines.ts"
import { GatheredLogs } from "../adapters/ndjson/gathered-logs.ts"
import { logFolders } from "../adapters/ndjson/log-folders.ts"
import { createLogSegments } from "../adapters/ndjson/log-segments.ts"
import { createOutcomeReader } from "../adapters/ndjson/outcome-reader.ts"
import { lockFolder } from "../adapters/sqlite/folder-lock.ts"
import type { FoldedLog } from "../app/catch-up.ts"
import type { CopiesEnd, MissingLines } from "../app/count-copied-logs.ts"
import { countGoneLogs } from "../app/count-gone-logs.ts"
import { createRestoreRevisions } from "../app/restore-revisions.ts"
import type { LinePlace } from "../domain/placed-line.ts"
import type { Io } from "./command.ts"
import { loggerTo, plural, showProgress } from "./rebuild-report.ts"
import { openRebuiltStore } from "./rebuilt-store.ts"
import { Refusal } from "./refusal.ts"
import { untilStopped } from "./until-stopped.ts"

const STOPPED = 130

export interface RebuildFrom {
  /** Data folders, and files or folders of copies. */
  readonly places: readonly string[]
  readonly overGaps: boolean
  readonly json: boolean
}

/** Lines of copies that are counted nowhere. */
interface UselessLines {
  readonly unplacedLines: number
  readonly damagedLines: number
}

/** Counts what shared counters lack of the logs of some folders and copies. @throws Refusal */
export async function rebuildFrom(order: RebuildFrom, io: Io): Promise<number> {
  if (!io.env["REDIS_URL"]) throw new Refusal("--from is for counters in Redis. Set REDIS_URL, or use --log")
  const absent = order.places.find((place) => !existsSync(place))
  if (absent !== undefined)
    throw new Refusal(`there is no ${absent}. Name a gateway's data folder with --from, or copies`)
  const folders = order.places.filter((place) => existsSync(join(place, "outcomes")))
  const copies = order.places.filter((place) => !folders.includes(place))
  return await untilStopped(async (signal) => {
    const locks = await Promise.all(folders.map(lockFolder))
    const gathering = await mkdtemp(join(tmpdir(), "bandit-rebuild-"))
    try {
      const gathered = await gather(copies, gathering, signal)
      const counted = await countAll(folders, gathered, order, { io, signal })
      const { unplacedLines, damagedLines } = gathered
      const useless = copies.length === 0 ? undefined : { unplacedLines, damagedLines }
      io.stdout.write(order.json ? jsonOf(counted, useless) : sentences(counted, useless, order.overGaps))
      return isWhole(counted, order.overGaps) ? 0 : 1
    } catch (error) {
      if (!signal.aborted) throw error
      return STOPPED
    } finally {
      for (const lock of locks) lock.release()
      await rm(gathering, { recursive: true, force: true })
    }
  })
}

/** @throws Refusal where no line of the copies can be counted */
async function gather(copies: readonly string[], folder: string, signal: AbortSignal): Promise<GatheredLogs> {
  const gathered = new GatheredLogs(folder)
  for (const path of await findLogFiles(copies, "--from")) {
    for await (const lines of readCopiedLines(path)) {
      signal.throwIfAborted()
      await gathered.take(lines)
    }
  }
  if (copies.length > 0 && gathered.isEmpty) {
    throw new Refusal(
      `${copies.join(", ")}: no line there says which line of a log it is, and there is no folder outcomes. Name with --from a gateway's data folder, or lines of the stream as they were sent`,
    )
  }
  return gathered
}

async function countAll(
  folders: readonly string[],
  gathered: GatheredLogs,
  { overGaps }: RebuildFrom,
  { io, signal }: { readonly io: Io; readonly signal: AbortSignal },
): Promise<FoldedLog & CopiesEnd> {
  const logger = loggerTo(io.stderr)
  const opened = await openRebuiltStore(io.env, "", false, logger)
  const { shared: store, experiments } = opened
  try {
    if (store === undefined) throw new TypeError("REDIS_URL names a store that gateways share")
    const logs = (await Promise.all(folders.map(logFolders))).flat().map(({ folder }) => ({
      reader: createOutcomeReader(folder),
      segments: createLogSegments(folder),
    }))
    const copies = await gathered.logs()
    const restore = createRestoreRevisions(experiments, logger)
    const clock = { now: () => Date.now() }
    const show = showProgress(io.stderr)
    return await countGoneLogs({ logs, copies, store, clock, logger, restore, overGaps }, (folded) => {
      // What is counted is counted: the next time goes on from there.
      signal.throwIfAborted()
      show(folded)
    })
  } finally {
    await opened.close()
  }
}

function isWhole({ missing, lapsed, contradicted }: CopiesEnd, overGaps: boolean): boolean {
  return (missing.length === 0 || overGaps) && lapsed.length + contradicted.length === 0
}

function jsonOf({ events, skipped, ...end }: FoldedLog & CopiesEnd, useless: UselessLines | undefined): string {
  const copies = useless === undefined ? {} : { ...end, ...useless }
  return `${JSON.stringify({ events, skipped, rebuilt: false, ...copies })}\n`
}

function sentences(
  { events, skipped, missing, running, lapsed, contradicted }: FoldedLog & CopiesEnd,
  useless: UselessLines | undefined,
  overGaps: boolean,
): string {
  const damage = skipped === 0 ? "" : ` (${plural(skipped, "damaged line")} skipped)`
  const lines = [
    `Counted what was lacking of ${plural(events, "event")}${damage}.`,
    ...missing.map(describeMissing),
    ...(missing.length === 0 ? [] : [overGaps ? OVER_GAPS : UP_TO_GAPS]),
    ...running.map((log) => `The log ${log} was not counted: a gateway writes to it, or did a minute ago.`),
    ...lapsed.map(
      (log) =>
        `The log ${log} was not counted: it was silent for more than a week. Stop the gateways and rebuild --log`,
    ),
    ...contradicted.map(
      (log) => `The log ${log} was not counted: its lines differ between copies, or from what was counted.`,
    ),
    ...(useless === undefined ? [] : describeUseless(useless)),
  ]
  return lines.map((line) => `${line}\n`).join("")
}

const UP_TO_GAPS =
  "What comes after them is not counted yet: name copies that have them too, or count without them for good with --over-gaps."
const OVER_GAPS = "What came after them is counted. They can't be any more."

function describeMissing({ log, from, to, bytes, experiments }: MissingLines): string {
  const size = bytes === undefined ? "" : `, ${plural(bytes, "byte")}`
  const begin = from === undefined ? "its beginning" : describePlace(from)
  return `No copy has the log ${log} from ${begin} to ${describePlace(to)}${size} (${experiments.join(", ")}).`
}

function describePlace({ file, offset }: LinePlace): string {
  return `file ${file}, byte ${offset}`
}

function describeUseless({ unplacedLines, damagedLines }: UselessLines): string[] {
  return [
    ...(unplacedLines === 0 ? [] : [`Not counted: ${plural(unplacedLines, "line")} without a place in a log.`]),
    ...(damagedLines === 0 ? [] : [`Not counted: ${plural(damagedLines, "damaged line")}.`]),
  ]
}
