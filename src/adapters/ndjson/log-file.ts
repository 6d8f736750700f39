import type { LogPosition } from "../../domain/log-position.ts"
import type { LogEnd } from "../../ports/outcome-log.ts"
import type { Disk } from "./disk.ts"
import { lineHash } from "./line-hash.ts"
import { endOfLines, logFile, logFileNumbers, positionAt } from "./log-files.ts"
import { salvageFile, settleSalvage } from "./salvage.ts"

const LINE_FEED = 10

/**
 * The files of the log as one place to append to: whole chunks of lines or nothing.
 *
 * Remembers what isn't durable yet. When the device fails to sync, the kernel may have dropped those bytes and call the next sync a success,
 * so they are written again into a new file and cut off here (salvage.ts). Callers append one at a time, and sync one at a time; both may
 * overlap.
 */
export class LogFile {
  readonly #disk: Disk
  readonly #folder: string
  readonly #maxBytes: number
  #number: number
  #file: number
  #end: number
  /** Set while the file may have more bytes than `#end`: part of a failed write, or a line torn by a crash. */
  #ragged: boolean
  #durableEnd: number
  #durable: LogPosition
  #unsynced: Uint8Array[] = []
  #unsyncedBytes = 0
  #syncFailed = false
  #syncing: Promise<void> | undefined
  /** What a failed sync left unsafe, written again: the next file, once what is here is cut off. */
  #salvage: { readonly path: string; readonly file: number; readonly bytes: Uint8Array } | undefined

  private constructor(
    disk: Disk,
    folder: string,
    maxBytes: number,
    opened: { readonly file: number; readonly durable: LogPosition; readonly ragged: boolean },
  ) {
    this.#disk = disk
    this.#folder = folder
    this.#maxBytes = maxBytes
    this.#number = opened.durable.file
    this.#file = opened.file
    this.#end = opened.durable.offset
    this.#ragged = opened.ragged
    this.#durableEnd = opened.durable.offset
    this.#durable = opened.durable
  }

  /**
   * Opens the last file of the folder, or makes the first. Writes nothing else, so that a full disk doesn't stop a start; syncs what a killed
   * process left to the operating system, so that everything there is durable from here on.
   */
  static async open(disk: Disk, folder: string, maxBytes: number): Promise<LogFile> {
    await settleSalvage(disk, folder)
    const number = (await logFileNumbers(folder)).at(-1)
    if (number === undefined) {
      const file = await disk.open(logFile(folder, 1), "wx+")
      await disk.syncFolder(folder)
      return new LogFile(disk, folder, maxBytes, { file, durable: { file: 1, offset: 0, hash: "" }, ragged: false })
    }
    const path = logFile(folder, number)
    const { size, end } = await endOfLines(path)
    const durable = (await positionAt(path, number, end)) ?? { file: number, offset: end, hash: "" }
    const file = await disk.open(path, "r+")
    await disk.datasync(file)
    return new LogFile(disk, folder, maxBytes, { file, durable, ragged: size > end })
  }

  /** Where the next line will be written. */
  get end(): LogEnd {
    return { file: this.#number, offset: this.#end }
  }

  /** Up to where everything is durable. */
  get durable(): LogPosition {
    return this.#durable
  }

  /** Whether the file ends in part of a line, to be cut off by the next append. */
  get ragged(): boolean {
    return this.#ragged
  }

  get unsyncedBytes(): number {
    return this.#unsyncedBytes
  }

  /** Writes all of `bytes` or none. @throws what the device said; the log is as it was before */
  async append(bytes: Uint8Array): Promise<void> {
    if (this.#syncFailed) await this.#moveOn()
    if (this.#end >= this.#maxBytes) await this.#rotate()
    await this.#write(bytes)
  }

  /**
   * The same on the event loop. Not while an `append` is under way.
   *
   * @returns false where that can't be now: nothing was written, and `append` has to do it
   * @throws what the device said; the log is as it was before
   */
  appendNow(bytes: Uint8Array): boolean {
    if (this.#syncFailed || this.#ragged || this.#end >= this.#maxBytes) return false
    let done = 0
    try {
      while (done < bytes.length) {
        const written = this.#disk.writeNow(this.#file, bytes, done, this.#end + done)
        if (written === undefined) {
          this.#ragged = done > 0
          return false
        }
        if (written === 0) throw new Error("the device took no bytes")
        done += written
      }
    } catch (error) {
      this.#ragged = true
      throw error
    }
    this.#appended(bytes)
    return true
  }

  /** Makes everything appended so far durable. @throws what the device said; the next append moves to a new file */
  async sync(): Promise<void> {
    while (this.#syncing !== undefined) await this.#syncing
    this.#syncing = this.#syncNow()
    try {
      await this.#syncing
    } finally {
      this.#syncing = undefined
    }
  }

  async close(): Promise<void> {
    await this.#disk.close(this.#file)
  }

  async #syncNow(): Promise<void> {
    if (this.#syncFailed) throw new Error("what the device refused to sync is not written again yet")
    const chunks = this.#unsynced.length
    if (chunks === 0) return
    const end = this.end
    const last = this.#unsynced.at(-1)
    try {
      await this.#disk.datasync(this.#file)
    } catch (error) {
      this.#syncFailed = true
      throw error
    }
    for (const chunk of this.#unsynced.splice(0, chunks)) this.#unsyncedBytes -= chunk.length
    this.#durableEnd = end.offset
    this.#durable = { ...end, hash: last === undefined ? this.#durable.hash : hashOfLastLine(last) }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#ragged) {
      await this.#disk.truncate(this.#file, this.#end)
      this.#ragged = false
    }
    if (bytes.length === 0) return
    try {
      await this.#writeAll(this.#file, bytes, this.#end)
    } catch (error) {
      this.#ragged = true
      throw error
    }
    this.#appended(bytes)
  }

  async #writeAll(file: number, bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const written = await this.#disk.write(file, bytes, done, position + done)
      if (written === 0) throw new Error("the device took no bytes")
      done += written
    }
  }

  #appended(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#end += bytes.length
    this.#unsynced.push(bytes)
    this.#unsyncedBytes += bytes.length
  }

  async #rotate(): Promise<void> {
    await this.sync()
    const file = await this.#disk.open(logFile(this.#folder, this.#number + 1), "wx+")
    await this.#goOnIn(file, new Uint8Array(0))
  }

  /** Gives up a file that failed to sync. Each step may fail and be tried again, and the process may end after any: see salvage.ts. */
  async #moveOn(): Promise<void> {
    this.#salvage ??= await this.#writeAside(Buffer.concat(this.#unsynced))
    const { path, file, bytes } = this.#salvage
    await this.#disk.truncate(this.#file, this.#durableEnd)
    await this.#disk.rename(path, logFile(this.#folder, this.#number + 1))
    this.#salvage = undefined
    await this.#goOnIn(file, bytes)
    this.#syncFailed = false
  }

  async #writeAside(bytes: Uint8Array) {
    const path = salvageFile(this.#folder, this.#number + 1, this.#durableEnd)
    const file = await this.#disk.open(path, "w+")
    try {
      await this.#writeAll(file, bytes, 0)
    } catch (error) {
      await this.#disk.close(file)
      throw error
    }
    return { path, file, bytes }
  }

  /** @param head what the file begins with, not durable yet */
  async #goOnIn(file: number, head: Uint8Array): Promise<void> {
    const old = this.#file
    this.#file = file
    this.#number += 1
    this.#end = head.length
    this.#durableEnd = 0
    this.#unsynced = head.length === 0 ? [] : [head]
    this.#ragged = false
    try {
      await this.#disk.syncFolder(this.#folder)
    } finally {
      await this.#disk.close(old)
    }
  }
}

/** @param lines whole lines, the last with its line feed */
function hashOfLastLine(lines: Uint8Array): string {
  const text = lines.subarray(0, lines.length - 1)
  return lineHash(text.subarray(text.lastIndexOf(LINE_FEED) + 1))
}
