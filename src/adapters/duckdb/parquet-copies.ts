import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import type { DuckDBConnection } from "@duckdb/node-api"
import { GatewayError } from "../../domain/errors.ts"
import { readJson } from "../../domain/json-text.ts"
import { MAX_LINE_BYTES } from "../../domain/outcome-line.ts"
import { openDuckDb, query, quoted } from "./duckdb.ts"
import { EVENT_FIELDS } from "./event-fields.ts"

/** Up to where logs and streams are copied. */
export interface Copied {
  /** By the log's first id: files before `file` are copied whole, of that one so many bytes. */
  readonly logs: Readonly<Record<string, { readonly file: number; readonly bytes: number }>>
  /** By stream and shard: the sequence number of the last record. */
  readonly shards: Readonly<Record<string, string>>
}

const LIMITS = { threads: 1, memoryMiB: 512, temporaryGiB: 50 }
/** Names that begin with a dot are no outcomes to whoever reads the folder. */
const KEPT = ".copied.json"
const UNFINISHED = ".unfinished"

/**
 * A folder of outcomes as Parquet files by day and experiment: `day=2026-11-21/experiment=ID/PART-0.parquet`. What a part holds is replaced
 * when it is written again, so that nothing is there twice. One user at a time.
 */
export class ParquetCopies {
  readonly #folder: string
  readonly #connection: DuckDBConnection
  readonly #close: () => void
  #copied: Copied

  private constructor(folder: string, connection: DuckDBConnection, close: () => void, copied: Copied) {
    this.#folder = folder
    this.#connection = connection
    this.#close = close
    this.#copied = copied
  }

  /**
   * @param signal ends what is under way: it fails, and its part is written again the next time
   * @throws GatewayError `config_invalid` where the package is missing or the folder isn't such a one, `log_unavailable`
   */
  static async open(folder: string, signal: AbortSignal): Promise<ParquetCopies> {
    const unfinished = join(folder, UNFINISHED)
    try {
      await rm(unfinished, { recursive: true, force: true })
      await mkdir(unfinished, { recursive: true })
    } catch (cause) {
      throw new GatewayError("config_invalid", { detail: `--to ${folder} can't be written`, cause })
    }
    const copied = await readCopied(join(folder, KEPT))
    const { connection, close } = await openDuckDb(unfinished, LIMITS)
    signal.addEventListener("abort", () => connection.interrupt(), { once: true })
    return new ParquetCopies(folder, connection, close, copied)
  }

  get copied(): Copied {
    return this.#copied
  }

  /**
   * Writes the events of a file as one part. Events that are in the file twice are written once; lines that are no event are left out.
   *
   * @param part letters, digits, `_`, `.` and `-`
   * @returns how many events
   * @throws GatewayError `log_unavailable`
   */
  async write(part: string, file: string): Promise<number> {
    const rows = join(this.#folder, UNFINISHED, part)
    try {
      await rm(rows, { recursive: true, force: true })
      const [answer] = await query(this.#connection, copying(file, rows, part))
      const names = await readdir(rows, { recursive: true, withFileTypes: true })
      for (const entry of names.filter((one) => one.isFile())) {
        const day = relative(rows, entry.parentPath)
        const written = join(this.#folder, day, entry.name.slice(1))
        await mkdir(dirname(written), { recursive: true })
        await rename(join(entry.parentPath, entry.name), written)
      }
      await rm(rows, { recursive: true, force: true })
      return Number(answer?.["Count"] ?? 0)
    } catch (cause) {
      throw new GatewayError("log_unavailable", { detail: `[duckdb] ${file} can't be copied`, cause })
    }
  }

  /** Keeps how far the copies go. After the parts were written: what is not kept is written again. */
  async keep(copied: Copied): Promise<void> {
    const path = join(this.#folder, KEPT)
    await writeFile(`${path}.new`, `${JSON.stringify({ v: 1, ...copied })}\n`)
    await rename(`${path}.new`, path)
    this.#copied = copied
  }

  async close(): Promise<void> {
    this.#close()
    await rm(join(this.#folder, UNFINISHED), { recursive: true, force: true })
  }
}

/** @param rows a folder */
function copying(file: string, rows: string, part: string): string {
  const columns = Object.entries(EVENT_FIELDS).map(([name, type]) => `${quoted(name)}: ${quoted(type)}`)
  const read =
    `read_json(${quoted(file)}, format = 'newline_delimited', compression = 'uncompressed', columns = {${columns.join(", ")}}, ` +
    `ignore_errors = true, maximum_object_size = ${MAX_LINE_BYTES})`
  return `COPY (
  SELECT DISTINCT ON ("eventId") *, strftime("at", '%Y-%m-%d') AS "day" FROM ${read}
  WHERE v = 1 AND "type" IS NOT NULL AND "eventId" IS NOT NULL AND "at" IS NOT NULL AND experiment IS NOT NULL
) TO ${quoted(rows)} (FORMAT parquet, COMPRESSION zstd, PARTITION_BY ("day", experiment), WRITE_PARTITION_COLUMNS true, FILENAME_PATTERN ${quoted(`.${part}-`)})`
}

async function readCopied(path: string): Promise<Copied> {
  let text: string
  try {
    text = await readFile(path, "utf8")
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { logs: {}, shards: {} }
    throw error
  }
  const value = readJson(text)
  if (typeof value === "object" && value !== null && "logs" in value && "shards" in value) {
    return { logs: value.logs as Copied["logs"], shards: value.shards as Copied["shards"] }
  }
  throw new GatewayError("config_invalid", {
    detail: `${path} doesn't say how far the copies go: remove it to copy all of it again`,
  })
}
