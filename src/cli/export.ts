import { createWriteStream } from "node:fs"
import { mkdir, rename, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { pipeline } from "node:stream/promises"
import { parseArgs } from "node:util"
import { dsjsonLine } from "../app/export/dsjson.ts"
import { type ExportedRow, exportedRows } from "../app/export/exported-rows.ts"
import { OPEN_BANDIT_FILES, openBanditHeading, openBanditItems, openBanditRow } from "../app/export/open-bandit.ts"
import type { PreparedLog } from "../ports/evaluation-log.ts"
import type { Command, Io } from "./command.ts"
import { featureName, LOG_OPTIONS, LOG_USAGE, type LogOrder, readLogOrder } from "./log-order.ts"
import { ProgressBar } from "./progress-bar.ts"
import { Refusal, refuse } from "./refusal.ts"
import { untilStopped } from "./until-stopped.ts"
import { columnsOf, wrapped } from "./wrapped.ts"

const STOPPED = 130
/** Reading and joining take about half of the work, rows the rest. */
const SHARE_OF_PREPARING = 0.5
const CHARACTERS_AT_ONCE = 1 << 16

export const exportRows: Command = {
  name: "export",
  summary: "The rows of an outcome log for Vowpal Wabbit or Open Bandit Pipeline",
  usage: `npm run cli -- export --log PLACE --experiment ID --format FORMAT --out PATH

Writes what evaluate weighs, a decision or a unit's first one in each row with
its probability and reward, in the form of other tools:

  --format dsjson     Vowpal Wabbit's decision-service JSON, one file:
                      vw --dsjson --cb_explore_adf -d PATH
  --format obp        a folder that Open Bandit Pipeline loads:
                      OpenBanditDataset("bts", "all", data_path=PATH)
  --out PATH          the file, or the folder; what it has of these is replaced

${LOG_USAGE.what}
${LOG_USAGE.rows}
  --features A,B      only these logged features; default: all
${LOG_USAGE.limits}
  --json              one JSON document: {"experiment","metric","rows",
                      "variants","files"}

  npm run cli -- export --log data --experiment banner-ctr --format dsjson \\
    --out banner-ctr.json`,
  run: async (args, io) => {
    try {
      const order = readOrder(args, io)
      return await untilStopped((signal) => run(order, io, signal))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refuse(io, "export", error.message)
      return 1
    }
  },
}

interface Order extends LogOrder {
  readonly format: "dsjson" | "obp"
  readonly out: string
  readonly features: readonly string[] | undefined
  readonly json: boolean
}

function readOrder(args: readonly string[], io: Io): Order {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...LOG_OPTIONS,
      format: { type: "string" },
      out: { type: "string" },
      features: { type: "string" },
      json: { type: "boolean", default: false },
    },
  })
  const { format, out, features, json } = values
  if (format !== "dsjson" && format !== "obp")
    throw new Refusal(
      `--format ${format === undefined ? "is missing" : `${format}: there is no such format`}. It is dsjson or obp`,
    )
  if (out === undefined) throw new Refusal("--out is missing: a file for dsjson, a folder for obp")
  const names = features?.split(",").map((name) => featureName("--features", name))
  return { ...readLogOrder(values, io), format, out, features: names, json }
}

async function run({ open, query, format, out, features, json }: Order, io: Io, signal: AbortSignal): Promise<number> {
  const progress = new ProgressBar(io.stderr, () => performance.now())
  const say = (share: number): void => progress.update(share, "exporting")
  try {
    const asked = { ...query, modelFeatures: [], arrivals: false, whole: true }
    const log = await open(signal).prepare(asked, (share) => say(share * SHARE_OF_PREPARING))
    try {
      const { metric, rows, variants, stickiness } = log.summary
      const source = new Source(log, features, (done) =>
        say(SHARE_OF_PREPARING + (1 - SHARE_OF_PREPARING) * (done / rows)),
      )
      const files = await (format === "dsjson" ? writeDsjson : writeOpenBandit)(source, out, signal)
      progress.finish()
      const what = stickiness === "request" ? "decisions" : "units"
      const document = { experiment: query.experiment, metric, rows, variants, files }
      const text = `${rows.toLocaleString("en")} ${what} of ${query.experiment} with their ${metric}: ${files.join(", ")}`
      io.stdout.write(json ? `${JSON.stringify(document)}\n` : wrapped(`${text}\n`, columnsOf(io.stdout)))
      return 0
    } finally {
      await log.close()
    }
  } catch (error) {
    if (signal.aborted) return STOPPED
    throw error
  } finally {
    progress.finish()
  }
}

/** The rows that are to be written, with the features that were asked for. */
class Source {
  readonly variants: readonly string[]
  readonly #wanted: readonly string[] | undefined
  readonly #log: PreparedLog
  readonly #progress: (done: number) => void

  constructor(log: PreparedLog, wanted: readonly string[] | undefined, progress: (done: number) => void) {
    this.variants = log.summary.variants
    this.#wanted = wanted
    this.#log = log
    this.#progress = progress
  }

  async *rows(): AsyncGenerator<ExportedRow> {
    let done = 0
    for await (const row of exportedRows(this.#log)) {
      yield this.#wanted === undefined ? row : { ...row, features: only(this.#wanted, row.features) }
      done += 1
      this.#progress(done)
    }
  }

  /** Names of the features that rows have, sorted. */
  async featureNames(): Promise<readonly string[]> {
    if (this.#wanted !== undefined) return this.#wanted
    const names = new Set<string>()
    for await (const { features } of exportedRows(this.#log)) {
      if (isFeatures(features)) for (const name of Object.keys(features)) names.add(name)
    }
    return [...names].sort()
  }
}

function isFeatures(features: unknown): features is Readonly<Record<string, unknown>> {
  return typeof features === "object" && features !== null && !Array.isArray(features)
}

function only(names: readonly string[], features: unknown): unknown {
  if (Array.isArray(features)) return features.map((instance: unknown) => only(names, instance))
  if (!isFeatures(features)) return features
  return Object.fromEntries(names.flatMap((name) => (name in features ? [[name, features[name]]] : [])))
}

async function writeDsjson(source: Source, file: string, signal: AbortSignal): Promise<readonly string[]> {
  await writeWhole(
    file,
    linesOf(source, (row) => dsjsonLine(source.variants, row)),
    signal,
  )
  return [file]
}

async function writeOpenBandit(source: Source, folder: string, signal: AbortSignal): Promise<readonly string[]> {
  const features = await source.featureNames()
  const [rows, items] = [join(folder, OPEN_BANDIT_FILES.rows), join(folder, OPEN_BANDIT_FILES.items)]
  const lines = linesOf(source, (row, index) => openBanditRow(index, features, row), openBanditHeading(features))
  await writeWhole(rows, lines, signal)
  await writeWhole(items, [openBanditItems(source.variants)], signal)
  return [rows, items]
}

/** Lines in pieces that are worth a write. */
async function* linesOf(
  source: Source,
  lineOf: (row: ExportedRow, index: number) => string,
  heading = "",
): AsyncGenerator<string> {
  let [text, index] = [heading, 0]
  for await (const row of source.rows()) {
    text += lineOf(row, index)
    index += 1
    if (text.length < CHARACTERS_AT_ONCE) continue
    yield text
    text = ""
  }
  yield text
}

/** A file is there whole, or as it was before. */
async function writeWhole(
  file: string,
  texts: AsyncIterable<string> | Iterable<string>,
  signal: AbortSignal,
): Promise<void> {
  const part = `${file}.part`
  try {
    await mkdir(dirname(file), { recursive: true })
    try {
      await pipeline(texts, createWriteStream(part), { signal })
      await rename(part, file)
    } finally {
      await rm(part, { force: true })
    }
  } catch (error) {
    if (error instanceof Error && "syscall" in error)
      throw new Refusal(`--out ${file} can't be written: ${error.message}`)
    throw error
  }
}
