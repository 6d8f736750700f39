import { mkdtemp, readdir, rm, stat, statfs } from "node:fs/promises"
import { join } from "node:path"
import { GatewayError } from "../../domain/errors.ts"

/** Room that is left to others on the disk. */
const RESERVE_BYTES = 512 * 2 ** 20
const LOOK_EVERY_MS = 100

/** A folder that may grow so far. */
export interface TemporarySpace {
  readonly folder: string
  /** Given when the work has to end: it was stopped, or the folder has reached its bound. The reason is what to throw. */
  readonly signal: AbortSignal
  /** Looks at once. @throws the reason why the work has to end */
  readonly check: () => Promise<void>
  /** Removes the folder with all that is in it. */
  readonly remove: () => Promise<void>
}

/**
 * Makes a folder that is watched: its work ends before it takes more than its bound, and before the disk is full.
 *
 * @param stop ends the work early
 * @param stopped called again and again once the work has to end
 */
export async function openTemporarySpace(
  parent: string,
  maxGiB: number,
  stop: AbortSignal | undefined,
  stopped: () => void,
): Promise<TemporarySpace> {
  const folder = await mkdtemp(join(parent, "bandit-evaluate-"))
  const own = new AbortController()
  const signal = stop === undefined ? own.signal : AbortSignal.any([stop, own.signal])
  let looking: Promise<void> | undefined
  const look = async (): Promise<void> => {
    try {
      const problem = await problemOf(folder, parent, maxGiB)
      if (problem !== undefined) own.abort(new GatewayError("log_unavailable", { detail: `[duckdb] ${problem}` }))
    } catch (cause) {
      own.abort(new GatewayError("log_unavailable", { detail: `[duckdb] ${folder} can't be watched`, cause }))
    }
    if (signal.aborted) stopped()
  }
  const timer = setInterval(() => {
    looking ??= look().finally(() => {
      looking = undefined
    })
  }, LOOK_EVERY_MS)
  return {
    folder,
    signal,
    check: async () => {
      await look()
      signal.throwIfAborted()
    },
    remove: async () => {
      clearInterval(timer)
      await looking
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function problemOf(folder: string, parent: string, maxGiB: number): Promise<string | undefined> {
  const { bavail, bsize } = await statfs(parent)
  if (bavail * bsize < RESERVE_BYTES) {
    return `the disk of ${parent} has less than ${RESERVE_BYTES / 2 ** 20} MiB left. Name a folder with more room by TMPDIR`
  }
  if ((await bytesIn(folder)) <= maxGiB * 2 ** 30) return undefined
  return `the temporary folder in ${parent} has come to its bound of ${maxGiB} GiB. Allow more with --temporary-gib`
}

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const sizes = await Promise.all(files.map(sizeOf))
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** 0 for a file that has gone meanwhile. */
async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return 0
    throw error
  }
}
