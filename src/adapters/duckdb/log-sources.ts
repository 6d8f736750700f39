import { open, readdir, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { GatewayError } from "../../domain/errors.ts"

export type LogFormat = "ndjson" | "gzip" | "parquet"

/** The files of a log, by what is in them. */
export interface LogSources {
  readonly files: Readonly<Record<LogFormat, readonly string[]>>
  readonly bytes: number
  /** Whether numbered files (`outcomes-00000001.ndjson`) of any of its folders begin later than with the first: each thread has a folder. */
  readonly firstLost: boolean
}

const NUMBERED = /^outcomes-(\d{8,})\.ndjson(?:\.gz)?$/
/** Beside the files of a log, and none of them. */
const NOT_OUTCOMES = new Set(["log.json"])

/**
 * Finds the files of a log. A folder is searched with all that is in it, a data folder for its `outcomes`; a file is told by how it begins, since
 * what a delivery stream writes has no telling name.
 *
 * @throws GatewayError `config_invalid` where there is none
 */
export async function findLogSources(paths: readonly string[]): Promise<LogSources> {
  const files: Record<LogFormat, string[]> = { ndjson: [], gzip: [], parquet: [] }
  let bytes = 0
  const firstNumbers = new Map<string, number>()
  for (const file of (await Promise.all(paths.map(filesUnder))).flat().sort()) {
    const format = await formatOf(file)
    if (format === undefined) continue
    files[format].push(file)
    bytes += (await stat(file)).size
    const number = NUMBERED.exec(basename(file))?.[1]
    const folder = dirname(file)
    if (number !== undefined)
      firstNumbers.set(folder, Math.min(firstNumbers.get(folder) ?? Number.POSITIVE_INFINITY, Number(number)))
  }
  if (bytes === 0) {
    throw new GatewayError("config_invalid", {
      detail: `${paths.join(", ")}: no outcomes there. A log is a data folder, or files of JSON lines (plain or gzipped) or Parquet`,
    })
  }
  return { files, bytes, firstLost: [...firstNumbers.values()].some((number) => number > 1) }
}

async function filesUnder(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path]
    const outcomes = join(path, "outcomes")
    const folder = (await isFolder(outcomes)) ? outcomes : path
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile() && !NOT_OUTCOMES.has(entry.name) && !entry.name.startsWith("."))
      .map((entry) => join(entry.parentPath, entry.name))
  } catch (cause) {
    throw new GatewayError("config_invalid", { detail: `--log ${path} can't be read`, cause })
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false
    throw error
  }
}

/** Undefined for what is empty, or no log. */
async function formatOf(path: string): Promise<LogFormat | undefined> {
  const file = await open(path, "r")
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(4), 0, 4, 0)
    const begin = buffer.toString("latin1", 0, bytesRead)
    if (begin === "PAR1") return "parquet"
    if (begin.startsWith("\u001f\u008b")) return "gzip"
    return begin.startsWith("{") ? "ndjson" : undefined
  } finally {
    await file.close()
  }
}
