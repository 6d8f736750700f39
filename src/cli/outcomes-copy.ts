import { appendFile, mkdtemp, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { ParquetCopies } from "../adapters/duckdb/parquet-copies.ts"
import { readStream } from "../adapters/kinesis/stream-reader.ts"
import { logFile, logFileNumbers } from "../adapters/ndjson/log-files.ts"
import { logFolders } from "../adapters/ndjson/log-folders.ts"
import { createOutcomeReader } from "../adapters/ndjson/outcome-reader.ts"
import type { Io } from "./command.ts"
import { outcomeSource } from "./outcome-source.ts"
import { ProgressBar } from "./progress-bar.ts"
import { Refusal } from "./refusal.ts"
import { untilStopped } from "./until-stopped.ts"

const STOPPED = 130
/** So much of a shard is one part. */
const PART_BYTES = 64 << 20

interface Totals {
  events: number
  parts: number
}

interface Copying {
  readonly copies: ParquetCopies
  readonly totals: Totals
  readonly signal: AbortSignal
  readonly progress: ProgressBar
}

/** `outcomes copy`. @throws Refusal */
export async function copyOutcomes(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "data-dir": { type: "string" },
      stream: { type: "string" },
      to: { type: "string" },
      json: { type: "boolean", default: false },
    },
  })
  const { to } = values
  if (to === undefined) throw new Refusal("--to is missing: a folder for the copies")
  const source = outcomeSource(values, io)
  return await untilStopped(async (signal) => {
    const copies = await ParquetCopies.open(to, signal)
    const progress = new ProgressBar(io.stderr, () => performance.now())
    const totals: Totals = { events: 0, parts: 0 }
    const copying = { copies, totals, signal, progress }
    try {
      await (source.kind === "folder" ? copyFolder(source.dataDir, copying) : copyStream(source.stream, copying))
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      progress.finish()
      await copies.close()
    }
    if (signal.aborted) return STOPPED
    const text = `${totals.events} events written in ${totals.parts} parts to ${to}`
    io.stdout.write(`${values.json ? JSON.stringify({ ...totals, to }) : text}\n`)
    return 0
  })
}

/** A file of a log, and how much of it there is. */
interface LogPart {
  readonly log: string
  readonly file: number
  readonly path: string
  readonly bytes: number
}

/** Each file of the logs is a part; the one that is being written is copied again when it has grown. */
async function copyFolder(dataDir: string, { copies, totals, signal, progress }: Copying): Promise<void> {
  const parts = (await partsOf(dataDir)).filter(({ log, file, bytes }) => {
    const copied = copies.copied.logs[log]
    return copied === undefined || file > copied.file || (file === copied.file && bytes > copied.bytes)
  })
  const all = parts.reduce((sum, { bytes }) => sum + bytes, 0)
  let done = 0
  for (const { log, file, path, bytes } of parts) {
    signal.throwIfAborted()
    totals.events += await copies.write(`${log}-${String(file).padStart(8, "0")}`, path)
    totals.parts += 1
    await copies.keep({ ...copies.copied, logs: { ...copies.copied.logs, [log]: { file, bytes } } })
    done += bytes
    progress.update(done / all, "copying")
  }
}

/** Those of each log in their order. */
async function partsOf(dataDir: string): Promise<LogPart[]> {
  const parts: LogPart[] = []
  for (const { folder } of await logFolders(dataDir)) {
    const log = (await createOutcomeReader(folder).spans())[0]?.id
    if (log === undefined) continue
    for (const file of await logFileNumbers(folder)) {
      const path = logFile(folder, file)
      const { size: bytes } = await stat(path)
      if (bytes > 0) parts.push({ log, file, path, bytes })
    }
  }
  return parts
}

/** What is not copied yet of a shard. */
interface ShardPart {
  /** Its first record's predecessor, which names the part: the same where it is copied again. */
  readonly after: string
  readonly path: string
  end: string
  bytes: number
}

/** What a shard has had since the last copy is a part, or several. */
async function copyStream(stream: string, copying: Copying): Promise<void> {
  const { copies, signal, totals, progress } = copying
  const folder = await mkdtemp(join(tmpdir(), "bandit-copy-"))
  const keyOf = (shard: string): string => `${stream}/${shard}`
  const open = new Map<string, ShardPart>()
  const write = async (shard: string, { after, path, end }: ShardPart): Promise<void> => {
    totals.events += await copies.write(`${stream}-${shard}-${after}`, path)
    totals.parts += 1
    await rm(path)
    open.delete(shard)
    await copies.keep({ ...copies.copied, shards: { ...copies.copied.shards, [keyOf(shard)]: end } })
  }
  try {
    const known = Object.entries(copies.copied.shards).filter(([key]) => key.startsWith(keyOf("")))
    const after = new Map(known.map(([key, sequence]) => [key.slice(keyOf("").length), sequence]))
    const reading = { stream, after, follow: false, now: () => Date.now(), sleep: (ms: number) => sleep(ms), signal }
    for await (const { shard, lines, end, behindMs } of readStream(reading)) {
      const begin = copies.copied.shards[keyOf(shard)] ?? "0"
      const part = open.get(shard) ?? { after: begin, path: join(folder, `${shard}.ndjson`), end, bytes: 0 }
      open.set(shard, part)
      const text = lines.map((line) => `${line}\n`).join("")
      await appendFile(part.path, text)
      part.end = end
      part.bytes += text.length
      progress.update(0, `copying ${shard}, ${Math.round(behindMs / 1000)} s behind its end`)
      if (part.bytes >= PART_BYTES) await write(shard, part)
    }
    signal.throwIfAborted()
    for (const [shard, part] of open) await write(shard, part)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
