import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { logFolders } from "../adapters/ndjson/log-folders.ts"
import { keepLogSpan, newLogSpan, readLogSpans } from "../adapters/ndjson/log-identity.ts"
import { createLogSegments } from "../adapters/ndjson/log-segments.ts"
import { createOutcomeReader } from "../adapters/ndjson/outcome-reader.ts"
import { createCheckpointFiles } from "../adapters/node-files/checkpoints.ts"
import { lockFolder } from "../adapters/sqlite/folder-lock.ts"
import type { FoldedLog, Progress } from "../app/catch-up.ts"
import { countGoneLogs } from "../app/count-gone-logs.ts"
import { type CheckedCounters, check, type Origin, rebuild as rebuildCounters } from "../app/rebuild.ts"
import { createRestoreRevisions } from "../app/restore-revisions.ts"
import type { Logger } from "../ports/logger.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import type { Command, Io, Output } from "./command.ts"
import { openRebuiltStore } from "./rebuilt-store.ts"
import { refuse } from "./refusal.ts"

const SHOWN_DIFFERENCES = 20
const PROGRESS_AFTER_MS = 2_000

export const rebuild: Command = {
  name: "rebuild",
  summary: "Make the counters anew from the outcome log, or check them",
  usage: `npm run cli -- rebuild [--check] [--data-dir DIR] [--log OTHER]... [--json]
       npm run cli -- rebuild --from DIR [--from DIR]... [--json]

Makes the counters in DIR/gateway.db anew from the outcome log in DIR/outcomes,
with the logs of all threads that ever served (THREADS), and the revisions of experiments that it lacks. Where log files were deleted, it
begins with the newest checkpoint in DIR/checkpoints. Stop the gateway first: a
folder in use is refused. With REDIS_URL set, the counters are those in Redis:
name the folders of gateways that are gone; those that run fold their own logs
again by themselves, and allocate nothing new until they have.

  --check         changes nothing: compares the counters with the log, and exits
                  1 where they differ. Works beside a running gateway. What is
                  logged and not yet counted is left out, and said
  --data-dir DIR  default: DATA_DIR, or ./data
  --log OTHER     the data folder of another gateway whose outcomes belong to the
                  same counters; may be given several times. What a copied folder
                  has in common with its original counts once
  --from DIR      with REDIS_URL: counts what the logs in DIR/outcomes have and the
                  shared counters lack, and resets nothing. For the data folders
                  of gateways that are gone, after Redis was emptied; the others
                  may run. May be given several times
  --json          one JSON document: {"events","skipped","checkpoint",
                  "lostFiles","rebuilt"}, and with --check {"events","skipped",
                  "checkpoint","lostFiles","unfolded","equal",
                  "differences":[…]}. lostFiles: log files that are gone and in
                  no checkpoint

  npm run cli -- rebuild --check --data-dir ./data`,
  run: async (args, io) => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        check: { type: "boolean", default: false },
        "data-dir": { type: "string" },
        log: { type: "string", multiple: true, default: [] },
        from: { type: "string", multiple: true, default: [] },
        json: { type: "boolean", default: false },
      },
    })
    if (values.from.length > 0) return await runFrom(values.from, values.json, io)
    const folder = values["data-dir"] ?? io.env["DATA_DIR"] ?? "./data"
    const path = join(folder, "gateway.db")
    const missing = missingPart(folder, path, values.check && !io.env["REDIS_URL"])
    if (missing !== undefined) {
      refuse(io, "rebuild", `${folder} has no ${missing}. Name a gateway's data folder with --data-dir`)
      return 1
    }
    const other = values.log.find((dataDir) => !existsSync(join(dataDir, "outcomes")))
    if (other !== undefined) {
      refuse(io, "rebuild", `${other} has no outcome log. Name another gateway's data folder with --log`)
      return 1
    }
    const logs = (await Promise.all([folder, ...values.log].map(logFolders))).flat()
    const readers = logs.map((log) => createOutcomeReader(log.folder))
    return values.check
      ? await runCheck(readers, folder, path, values.json, io)
      : await runRebuild(readers, folder, path, values.json, io)
  },
}

/** Counts what shared counters lack of the logs of some folders. */
async function runFrom(folders: readonly string[], json: boolean, io: Io): Promise<number> {
  if (!io.env["REDIS_URL"]) {
    refuse(io, "rebuild", "--from is for counters in Redis. Set REDIS_URL, or use --log")
    return 1
  }
  const without = folders.find((dataDir) => !existsSync(join(dataDir, "outcomes")))
  if (without !== undefined) {
    refuse(io, "rebuild", `${without} has no outcome log. Name a gateway's data folder with --from`)
    return 1
  }
  const locks = await Promise.all(folders.map(lockFolder))
  const logger = loggerTo(io.stderr)
  const opened = await openRebuiltStore(io.env, "", false, logger)
  const { shared: store, experiments } = opened
  try {
    if (store === undefined) throw new TypeError("REDIS_URL names a store that gateways share")
    const logs = (await Promise.all(folders.map(logFolders))).flat().map(({ folder }) => ({
      reader: createOutcomeReader(folder),
      segments: createLogSegments(folder),
    }))
    const restore = createRestoreRevisions(experiments, logger)
    const clock = { now: () => Date.now() }
    const folded = await countGoneLogs({ logs, store, clock, logger, restore }, showProgress(io.stderr))
    const events = plural(folded.events, "event")
    io.stdout.write(
      json ? `${JSON.stringify({ ...folded, rebuilt: false })}\n` : `Counted what was lacking of ${events}.\n`,
    )
    return 0
  } finally {
    await opened.close()
    for (const lock of locks) lock.release()
  }
}

function missingPart(folder: string, path: string, check: boolean): string | undefined {
  if (!existsSync(join(folder, "outcomes"))) return "outcome log (a folder outcomes)"
  return check && !existsSync(path) ? "counters (gateway.db)" : undefined
}

async function runRebuild(
  readers: readonly OutcomeReader[],
  folder: string,
  path: string,
  json: boolean,
  io: Io,
): Promise<number> {
  const lock = await lockFolder(folder)
  for (const log of await logFolders(folder)) {
    if ((await readLogSpans(log.folder)).length === 0) await keepLogSpan(log.folder, newLogSpan(undefined))
  }
  const opened = await openRebuiltStore(io.env, path, false, loggerTo(io.stderr))
  const { counters: store, experiments } = opened
  const restore = createRestoreRevisions(experiments, loggerTo(io.stderr))
  try {
    const checkpoints = createCheckpointFiles(folder, loggerTo(io.stderr))
    const folded = await rebuildCounters({ readers, store, restore, checkpoints }, showProgress(io.stderr))
    if (json) io.stdout.write(`${JSON.stringify({ ...folded, rebuilt: true })}\n`)
    else io.stdout.write(`Counters made from ${describe(folded)}.\n`)
    return 0
  } finally {
    await opened.close()
    lock.release()
  }
}

async function runCheck(
  readers: readonly OutcomeReader[],
  folder: string,
  path: string,
  json: boolean,
  io: Io,
): Promise<number> {
  const opened = await openRebuiltStore(io.env, path, true, loggerTo(io.stderr))
  try {
    const checkpoints = createCheckpointFiles(folder, loggerTo(io.stderr))
    const archive = opened.counters
    const checked = await check({ readers, archive, now: Date.now(), checkpoints }, showProgress(io.stderr))
    io.stdout.write(json ? `${JSON.stringify(checked)}\n` : sentences(checked))
    return checked.equal ? 0 : 1
  } finally {
    await opened.close()
  }
}

function loggerTo(stderr: Output): Logger {
  const say = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    stderr.write(`${message} ${JSON.stringify(fields)}\n`)
  }
  return { info: say, warn: say, error: say }
}

function sentences(checked: CheckedCounters & Origin): string {
  const unfolded =
    checked.unfolded === 0 ? "" : ` What waits for the next start: ${plural(checked.unfolded, "later event")}.`
  if (checked.equal) return `Counters equal the fold of ${describe(checked)}.${unfolded}\n`
  const shown = checked.differences.slice(0, SHOWN_DIFFERENCES)
  const lines = shown.map(
    ({ experiment, variant, metric, rows, hour = "over all time", counter, store, log }) =>
      `  ${experiment} ${variant} ${metric === "" ? "decisions" : metric} (${rows}) ${hour}: ${counter} is ${store}, the log says ${log}\n`,
  )
  const more = checked.differences.length - shown.length
  return [
    `Counters differ from the fold of ${describe(checked)} in ${plural(checked.differences.length, "place")}:${unfolded}\n`,
    ...lines,
    more > 0 ? `  and ${count(more)} more (--json has all)\n` : "",
    "To make them equal: stop the gateway, then npm run cli -- rebuild\n",
  ].join("")
}

function describe({ events, skipped, checkpoint, lostFiles }: FoldedLog & Origin): string {
  const origin = checkpoint === undefined ? "" : `checkpoint ${checkpoint} and `
  const lost = lostFiles === 0 ? "" : `, without ${plural(lostFiles, "log file")} that went and are in no checkpoint`
  return `${origin}${plural(events, "event")}${skipped === 0 ? "" : ` (${plural(skipped, "damaged line")} skipped)`}${lost}`
}

function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`
}

function count(value: number): string {
  return value.toLocaleString("en")
}

/** On a terminal only, and only once the work has taken long enough to wonder. */
function showProgress(stderr: Output): Progress {
  const startedAt = performance.now()
  return ({ events }) => {
    if (stderr.isTTY === true && performance.now() - startedAt > PROGRESS_AFTER_MS)
      stderr.write(`\r${count(events)} events…  `)
  }
}
