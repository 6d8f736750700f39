import { readdir, stat, truncate, unlink } from "node:fs/promises"
import { join } from "node:path"
import type { Disk } from "./disk.ts"
import { logFile, logFileNumbers } from "./log-files.ts"

/*
 * How lines move out of a file that the device refuses to sync, without a moment at which they are in no file or in two. They are written
 * aside, with those of the file after it where there is one, under a name that says where what is durable in the old file ends. Then the old file
 * is cut off there and the one after it emptied, and then what was written aside becomes the next file by a rename. A process that ends in between
 * leaves the old file as a witness: one that reaches beyond that end still has the lines, one that doesn't has lost them to what was written aside.
 */

const NAME = /^outcomes-(\d{8,})\.ndjson\.salvage-(\d+)$/

/**
 * @param number of the file that is cut off
 * @param durableEnd where what is durable in it ends, bytes
 */
export function salvageFile(folder: string, number: number, durableEnd: number): string {
  return `${logFile(folder, number + 1)}.salvage-${durableEnd}`
}

/** Finishes what the last process that wrote here had begun. */
export async function settleSalvage(disk: Disk, folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, numberAfter, durableEnd] = NAME.exec(name) ?? []
    if (numberAfter === undefined) continue
    const path = join(folder, name)
    const [cut, ...after] = (await logFileNumbers(folder)).filter((number) => number >= Number(numberAfter) - 1)
    // A writer that gives up a file has at most one after it.
    const isCut = cut === Number(numberAfter) - 1 && after.length <= 1
    if (isCut && (await stat(logFile(folder, cut))).size === Number(durableEnd)) {
      for (const number of after) await truncate(logFile(folder, number))
      await disk.rename(path, logFile(folder, (after[0] ?? cut) + 1))
      await disk.syncFolder(folder)
    } else await unlink(path)
  }
}
