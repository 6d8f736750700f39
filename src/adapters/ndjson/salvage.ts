import { readdir, stat, unlink } from "node:fs/promises"
import { join } from "node:path"
import type { Disk } from "./disk.ts"
import { logFile, logFileNumbers } from "./log-files.ts"

/*
 * How lines move out of a file that the device refuses to sync, without a moment at which they are in no file or in two. They are written
 * aside, under a name that says where what is durable in the old file ends. Then the old file is cut off there, and then what was written
 * aside becomes the next file by a rename. A process that ends in between leaves the old file as a witness: one that reaches beyond that end
 * still has the lines, one that doesn't has lost them to what was written aside.
 */

const NAME = /^outcomes-(\d{8,})\.ndjson\.salvage-(\d+)$/

/**
 * @param number of the file that it is to become
 * @param durableEnd where what is durable in the file before ends, bytes
 */
export function salvageFile(folder: string, number: number, durableEnd: number): string {
  return `${logFile(folder, number)}.salvage-${durableEnd}`
}

/** Finishes what the last process that wrote here had begun. */
export async function settleSalvage(disk: Disk, folder: string): Promise<void> {
  const last = (await logFileNumbers(folder)).at(-1)
  for (const name of await readdir(folder)) {
    const [, number, durableEnd] = NAME.exec(name) ?? []
    if (number === undefined) continue
    const path = join(folder, name)
    const isNext = last !== undefined && Number(number) === last + 1
    if (isNext && (await stat(logFile(folder, last))).size === Number(durableEnd)) {
      await disk.rename(path, logFile(folder, last + 1))
      await disk.syncFolder(folder)
    } else await unlink(path)
  }
}
