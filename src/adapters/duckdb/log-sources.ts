import { open, readdir, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { GatewayError } from "../../domain/errors.ts"
import type { LogObject } from "../../ports/log-objects.ts"

export type LogFormat = "ndjson" | "gzip" | "parquet"

/** Files of a log, by what is in them. */
export type LogFiles = Readonly<Record<LogFormat, readonly string[]>>

const NUMBERED = /^outcomes-(\d{8,})\.ndjson(?:\.gz)?$/
/** Beside the files of a log, and none of them. */
const NOT_OUTCOMES = new Set(["log.json"])

/**
 * Finds the files of a log. A folder is searched with all that is in it, a data folder for its `outcomes`.
 *
 * @param option that named them
 * @throws GatewayError `config_invalid` where one can't be read
 */
export async function findLogFiles(paths: readonly string[], option = "--log"): Promise<readonly string[]> {
  return (await Promise.all(paths.map((path) => filesUnder(path, option)))).flat().sort()
}

/** The objects that may be files of a log, of all that there are under a name. Those of a data folder that was copied whole are its `outcomes`. */
export function logObjectsAmong(objects: readonly LogObject[]): readonly LogObject[] {
  const some = objects.filter(({ name, bytes }) => bytes > 0 && isLogName(basename(name)))
  const outcomes = some.filter(({ name }) => NUMBERED.test(basename(name)))
  return outcomes.length > 0 && objects.some(({ name }) => basename(name) === "gateway.db") ? outcomes : some
}

/**
 * Tells files apart by how they begin, since what a delivery stream writes has no telling name. Those that are empty, or no log, are left out.
 */
export async function byFormat(files: readonly string[]): Promise<LogFiles> {
  const found: Record<LogFormat, string[]> = { ndjson: [], gzip: [], parquet: [] }
  for (const file of files) {
    const format = await formatOf(file)
    if (format !== undefined) found[format].push(file)
  }
  return found
}

/** Whether numbered files (`outcomes-00000001.ndjson`) of any folder begin later than with the first: each thread has a folder. */
export function lacksFirst(names: readonly string[]): boolean {
  const firstNumbers = new Map<string, number>()
  for (const name of names) {
    const number = NUMBERED.exec(basename(name))?.[1]
    const folder = dirname(name)
    if (number !== undefined)
      firstNumbers.set(folder, Math.min(firstNumbers.get(folder) ?? Number.POSITIVE_INFINITY, Number(number)))
  }
  return [...firstNumbers.values()].some((number) => number > 1)
}

async function filesUnder(path: string, option: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path]
    const outcomes = join(path, "outcomes")
    const folder = (await isFolder(outcomes)) ? outcomes : path
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile() && isLogName(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
  } catch (cause) {
    throw new GatewayError("config_invalid", { detail: `${option} ${path} can't be read`, cause })
  }
}

function isLogName(name: string): boolean {
  return !NOT_OUTCOMES.has(name) && !name.startsWith(".")
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
