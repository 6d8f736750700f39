import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { logFolders } from "../adapters/ndjson/log-folders.ts"
import { keepLogSpan, newLogSpan, readLogSpans } from "../adapters/ndjson/log-identity.ts"
import { createOutcomeReader } from "../adapters/ndjson/outcome-reader.ts"
import { createCheckpointFiles } from "../adapters/node-files/checkpoints.ts"
import { lockFolder } from "../adapters/sqlite/folder-lock.ts"
import type { FoldedLog } from "../app/catch-up.ts"
import { type CheckedCounters, check, type Origin, rebuild as rebuildCounters } from "../app/rebuild.ts"
import { createRestoreRevisions } from "../app/restore-revisions.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import type { Command, Io } from "./command.ts"
import { rebuildFrom } from "./rebuild-from.ts"
import { count, loggerTo, plural, showProgress } from "./rebuild-report.ts"
import { openRebuiltStore } from "./rebuilt-store.ts"
import { Refusal, refuse } from "./refusal.ts"

const SHOWN_DIFFERENCES = 20

export const rebuild: Command = {
  name: "rebuild",
  summary: "Make the counters anew from the outcome log, or check them",
  usage: `npm run cli -- rebuild [--check] [--data-dir DIR] [--log OTHER]... [--json]
       npm run cli -- rebuild --from PLACE [--from PLACE]... [--over-gaps] [--json]

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
  --from PLACE    with REDIS_URL: counts what the logs of gateways that are gone
                  have and the shared counters lack, and resets nothing; the
                  others may run. PLACE is a data folder, or a file or folder of
                  the stream's lines (JSON lines, plain or gzipped), in any order
                  and with repetitions. These are put together in TMPDIR, which
                  takes as much room as the logs. Lines of gateways that run are
                  left to them. Exits 1 where lines are missing: it says which,
                  and counts up to there. May be given several times
  --over-gaps     counts what comes after missing lines, too. These can't be
                  counted later
  --json          one JSON document: {"events","skipped","checkpoint",
                  "lostFiles","rebuilt"}, and with --check {"events","skipped",
                  "checkpoint","lostFiles","unfolded","equal",
                  "differences":[…]}. lostFiles: log files that are gone and in
                  no checkpoint. With --from copies {"events","skipped",
                  "rebuilt","missing":[{"log","from","to","bytes",
                  "experiments"}],"running","lapsed","contradicted",
                  "unplacedLines","damagedLines"}

  npm run cli -- rebuild --check --data-dir ./data`,
  run: async (args, io) => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        check: { type: "boolean", default: false },
        "data-dir": { type: "string" },
        log: { type: "string", multiple: true, default: [] },
        from: { type: "string", multiple: true, default: [] },
        "over-gaps": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    })
    if (values.from.length > 0) {
      const order = { places: values.from, overGaps: values["over-gaps"], json: values.json }
      return await refusing(() => rebuildFrom(order, io), io)
    }
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

async function refusing(work: () => Promise<number>, io: Io): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    refuse(io, "rebuild", error.message)
    return 1
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
