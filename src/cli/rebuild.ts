import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { addLogSpan, readLogSpans } from "../adapters/ndjson/log-identity.ts"
import { createOutcomeReader } from "../adapters/ndjson/outcome-reader.ts"
import { createSqliteCounterStore } from "../adapters/sqlite/counter-store.ts"
import { Database } from "../adapters/sqlite/database.ts"
import { lockFolder } from "../adapters/sqlite/folder-lock.ts"
import type { FoldedLog, Progress } from "../app/catch-up.ts"
import { type CheckedCounters, check, rebuild as rebuildCounters } from "../app/rebuild.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import type { Command, Io, Output } from "./command.ts"

const SHOWN_DIFFERENCES = 20
const PROGRESS_AFTER_MS = 2_000

export const rebuild: Command = {
  name: "rebuild",
  summary: "Make the counters from the outcome log again, or check that they equal it",
  usage: `bandit-gateway rebuild [--check] [--data-dir DIR] [--log OTHER_DIR]... [--json]

Folds every outcome of DIR/outcomes into fresh counters in DIR/gateway.db. Refuses while a gateway runs on DIR.
  --check         change nothing; compare, and exit 1 where counters and log differ. Works beside a running gateway.
                  Compares up to the place in the log that the counters stand for; what came after is folded by the next start.
  --data-dir DIR  default: DATA_DIR, or ./data
  --log OTHER_DIR the data folder of another gateway whose outcomes belong to the same counters; may be given several times.
                  What a copied folder has in common with its original is counted once.
  --json          one JSON document: {"events","skipped","rebuilt"}, with --check {"events","skipped","unfolded","equal","differences":[…]}`,
  run: async (args, io) => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        check: { type: "boolean", default: false },
        "data-dir": { type: "string" },
        log: { type: "string", multiple: true, default: [] },
        json: { type: "boolean", default: false },
      },
    })
    const folder = values["data-dir"] ?? io.env["DATA_DIR"] ?? "./data"
    const path = join(folder, "gateway.db")
    if (!existsSync(join(folder, "outcomes")) || (values.check && !existsSync(path))) {
      io.stderr.write(
        `bandit-gateway rebuild: ${folder} has no outcomes or no counters: name a gateway's data folder with --data-dir\n`,
      )
      return 1
    }
    const missing = values.log.find((other) => !existsSync(join(other, "outcomes")))
    if (missing !== undefined) {
      io.stderr.write(`bandit-gateway rebuild: ${missing} has no outcomes: --log names the data folder of a gateway\n`)
      return 1
    }
    const readers = [folder, ...values.log].map((dataDir) => createOutcomeReader(join(dataDir, "outcomes")))
    return values.check
      ? await runCheck(readers, path, values.json, io)
      : await runRebuild(readers, folder, path, values.json, io)
  },
}

async function runRebuild(
  readers: readonly OutcomeReader[],
  folder: string,
  path: string,
  json: boolean,
  io: Io,
): Promise<number> {
  const lock = await lockFolder(folder)
  const outcomes = join(folder, "outcomes")
  if ((await readLogSpans(outcomes)).length === 0) await addLogSpan(outcomes, undefined)
  const database = openDatabase(path, false, io.stderr)
  const store = createSqliteCounterStore(database)
  try {
    const folded = await rebuildCounters({ readers, store }, showProgress(io.stderr))
    if (json) io.stdout.write(`${JSON.stringify({ ...folded, rebuilt: true })}\n`)
    else io.stdout.write(`Counters made from ${describe(folded)}.\n`)
    return 0
  } finally {
    await store.close()
    lock.release()
  }
}

async function runCheck(readers: readonly OutcomeReader[], path: string, json: boolean, io: Io): Promise<number> {
  const database = openDatabase(path, true, io.stderr)
  try {
    const checked = await check({ readers, archive: createSqliteCounterStore(database) }, showProgress(io.stderr))
    io.stdout.write(json ? `${JSON.stringify(checked)}\n` : sentences(checked))
    return checked.equal ? 0 : 1
  } finally {
    await database.close()
  }
}

function openDatabase(path: string, readOnly: boolean, stderr: Output): Database {
  const say = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    stderr.write(`${message} ${JSON.stringify(fields)}\n`)
  }
  return new Database({ path, readOnly }, { info: say, warn: say, error: say })
}

function sentences(checked: CheckedCounters): string {
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
    "Stop the gateway and run bandit-gateway rebuild to make them equal.\n",
  ].join("")
}

function describe({ events, skipped }: FoldedLog): string {
  return `${plural(events, "event")}${skipped === 0 ? "" : ` (${plural(skipped, "damaged line")} skipped)`}`
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
