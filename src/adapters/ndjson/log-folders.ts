import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { isAbsent } from "./log-files.ts"

/** One of the outcome logs of a data folder: each thread that serves has its own. */
export interface LogFolder {
  /** From 1. */
  readonly thread: number
  readonly folder: string
}

const NAME = /^thread-([1-9]\d*)$/

/** The first thread's log is in `DATA_DIR/outcomes` itself, those of others in folders below it. */
export function logFolder(dataDir: string, thread: number): string {
  const outcomes = join(dataDir, "outcomes")
  return thread === 1 ? outcomes : join(outcomes, `thread-${thread}`)
}

/**
 * Every log of a data folder, the first thread's first: also those of threads that serve no more. The first is named whether it is there or not.
 *
 * @throws the file system's error
 */
export async function logFolders(dataDir: string): Promise<[LogFolder, ...LogFolder[]]> {
  const first = { thread: 1, folder: logFolder(dataDir, 1) }
  try {
    const names = await readdir(first.folder)
    const threads = names.map((name) => Number(NAME.exec(name)?.[1] ?? 0)).filter((thread) => thread > 1)
    return [first, ...threads.sort((a, b) => a - b).map((thread) => ({ thread, folder: logFolder(dataDir, thread) }))]
  } catch (error) {
    if (isAbsent(error)) return [first]
    throw error
  }
}
