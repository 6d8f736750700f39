import type { LogPosition } from "../../domain/log-position.ts"
import type { LogEnd } from "../../ports/outcome-log.ts"
import type { Disk } from "./disk.ts"
import { lineHash } from "./line-hash.ts"
import { endOfLines, logFile, logFileNumbers, positionAt } from "./log-files.ts"
import { salvageFile, settleSalvage } from "./salvage.ts"

const LINE_FEED = 10

/** The next file is made when this share of a file is left, so that it is there in time. */
const LEFT_FOR_MAKING_THE_NEXT = 1 / 8

/** A file that lines are written to, or were last. */
interface WrittenFile {
  readonly number: number
  readonly file: number
  end: number
  durableEnd: number
  /** What comes after `durableEnd`. */
  unsynced: Uint8Array[]
}

/**
 * The files of the log as one place to append to: whole chunks of lines or nothing.
 *
 * Remembers what isn't durable yet. When the device fails to sync, the kernel may have dropped those bytes and call the next sync a success,
 * so they are written again into a new file and cut off here (salvage.ts). Callers append one at a time, and sync one at a time; both may
 * overlap.
 *
 * A file that is full is followed by one that was made before: no line waits for the change. The file that was left is synced with the next sync,
 * before the new one is, so that what is durable has no gap.
 */
export class LogFile {
  readonly #disk: Disk
  readonly #folder: string
  readonly #maxBytes: number
  #current: WrittenFile
  /** The one before, until it is durable. */
  #left: WrittenFile | undefined
  /** The one after: empty. It may be used when its name is durable. */
  #next: { readonly file: number; isNamed: boolean } | undefined
  #makingNext: Promise<void> | undefined
  /** Set while the file may have more bytes than its `end`: part of a failed write, or a line torn by a crash. */
  #ragged: boolean
  #durable: LogPosition
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
    const { file: number, offset: end } = opened.durable
    this.#current = { number, file: opened.file, end, durableEnd: end, unsynced: [] }
    this.#ragged = opened.ragged
    this.#durable = opened.durable
  }

  /**
   * Opens the last file of the folder, or makes the first. Writes nothing else, so that a full disk doesn't stop a start; syncs what a killed
   * process left to the operating system, so that everything there is durable from here on.
   */
  static async open(disk: Disk, folder: string, maxBytes: number): Promise<LogFile> {
    await settleSalvage(disk, folder)
    const [number, before] = (await logFileNumbers(folder)).toReversed()
    if (number === undefined) {
      const file = await disk.open(logFile(folder, 1), "wx+")
      await disk.syncFolder(folder)
      return new LogFile(disk, folder, maxBytes, { file, durable: { file: 1, offset: 0, hash: "" }, ragged: false })
    }
    if (before !== undefined) await syncLeftFile(disk, logFile(folder, before))
    const path = logFile(folder, number)
    const { size, end } = await endOfLines(path)
    const durable = (await positionAt(path, number, end)) ?? { file: number, offset: end, hash: "" }
    const file = await disk.open(path, "r+")
    await disk.datasync(file)
    return new LogFile(disk, folder, maxBytes, { file, durable, ragged: size > end })
  }

  /** Where the next line will be written. */
  get end(): LogEnd {
    return { file: this.#current.number, offset: this.#current.end }
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
    if (this.#ragged) await this.#cutOff()
    if (this.#isFull) await this.#waitForNext()
    await this.#write(bytes)
  }

  /**
   * The same on the event loop. Not while an `append` is under way.
   *
   * @returns false where that can't be now: nothing was written, and `append` has to do it
   * @throws what the device said; the log is as it was before
   */
  appendNow(bytes: Uint8Array): boolean {
    if (this.#syncFailed || this.#ragged || (this.#isFull && !this.#goOnInNext())) return false
    let done = 0
    try {
      while (done < bytes.length) {
        const written = this.#disk.writeNow(this.#current.file, bytes, done, this.#current.end + done)
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
    await Promise.allSettled([this.#makingNext])
    await this.#closeAll([this.#left, this.#current, this.#next])
  }

  get #isFull(): boolean {
    return this.#current.end >= this.#maxBytes
  }

  async #syncNow(): Promise<void> {
    if (this.#syncFailed) throw new Error("what the device refused to sync is not written again yet")
    const left = this.#left
    if (left !== undefined) {
      await this.#syncFile(left)
      this.#left = undefined
      await this.#disk.close(left.file)
    }
    await this.#syncFile(this.#current)
  }

  async #syncFile(written: WrittenFile): Promise<void> {
    const chunks = written.unsynced.length
    const last = written.unsynced.at(-1)
    if (last === undefined) return
    const { end } = written
    try {
      await this.#disk.datasync(written.file)
    } catch (error) {
      this.#syncFailed = true
      throw error
    }
    for (const chunk of written.unsynced.splice(0, chunks)) this.#unsyncedBytes -= chunk.length
    written.durableEnd = end
    this.#durable = { file: written.number, offset: end, hash: hashOfLastLine(last) }
  }

  async #cutOff(): Promise<void> {
    await this.#disk.truncate(this.#current.file, this.#current.end)
    this.#ragged = false
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#writeAll(this.#current.file, bytes, this.#current.end)
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
    this.#current.end += bytes.length
    this.#current.unsynced.push(bytes)
    this.#unsyncedBytes += bytes.length
    // Never two files that may not be durable, and an empty one: a start syncs the last two.
    if (this.#current.end < this.#maxBytes * (1 - LEFT_FOR_MAKING_THE_NEXT) || this.#left !== undefined) return
    // What fails here fails again, and is told, where the file is needed.
    if (this.#next?.isNamed !== true) void Promise.allSettled([this.#makeNext()])
  }

  #makeNext(): Promise<void> {
    this.#makingNext ??= this.#openNext().finally(() => {
      this.#makingNext = undefined
    })
    return this.#makingNext
  }

  async #openNext(): Promise<void> {
    if (this.#next === undefined) {
      const file = await this.#disk.open(logFile(this.#folder, this.#current.number + 1), "wx+")
      this.#next = { file, isNamed: false }
    }
    await this.#disk.syncFolder(this.#folder)
    this.#next.isNamed = true
  }

  /** @returns false where it isn't there yet, or the file before this one is still to be synced */
  #goOnInNext(): boolean {
    if (this.#left !== undefined || this.#next?.isNamed !== true) return false
    this.#left = this.#current
    const number = this.#left.number + 1
    this.#current = { number, file: this.#next.file, end: 0, durableEnd: 0, unsynced: [] }
    this.#next = undefined
    return true
  }

  async #waitForNext(): Promise<void> {
    if (this.#left !== undefined) await this.sync()
    await this.#makeNext()
    this.#goOnInNext()
  }

  /** Gives up files that failed to sync. Each step may fail and be tried again, and the process may end after any: see salvage.ts. */
  async #moveOn(): Promise<void> {
    await Promise.allSettled([this.#makingNext])
    const givenUp = [this.#left, this.#current, this.#next]
    const first = this.#left ?? this.#current
    this.#salvage ??= await this.#writeAside(first)
    const { path, file, bytes } = this.#salvage
    await this.#disk.truncate(first.file, first.durableEnd)
    // Nothing of it is durable, since the file before it isn't.
    if (first !== this.#current) await this.#disk.truncate(this.#current.file, 0)
    const number = this.#current.number + (this.#next === undefined ? 1 : 2)
    await this.#disk.rename(path, logFile(this.#folder, number))
    this.#salvage = undefined
    this.#left = undefined
    this.#next = undefined
    this.#current = { number, file, end: bytes.length, durableEnd: 0, unsynced: bytes.length === 0 ? [] : [bytes] }
    this.#ragged = false
    try {
      await this.#disk.syncFolder(this.#folder)
    } finally {
      await this.#closeAll(givenUp)
    }
    this.#syncFailed = false
  }

  async #writeAside(first: WrittenFile) {
    const bytes = Buffer.concat([...first.unsynced, ...(first === this.#current ? [] : this.#current.unsynced)])
    const path = salvageFile(this.#folder, first.number, first.durableEnd)
    const file = await this.#disk.open(path, "w+")
    try {
      await this.#writeAll(file, bytes, 0)
    } catch (error) {
      await this.#disk.close(file)
      throw error
    }
    return { path, file, bytes }
  }

  async #closeAll(files: readonly ({ readonly file: number } | undefined)[]): Promise<void> {
    for (const opened of files) if (opened !== undefined) await this.#disk.close(opened.file)
  }
}

/** A process that is killed may have changed from this file to the last one, and synced neither. */
async function syncLeftFile(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path, "r")
  try {
    await disk.datasync(file)
  } finally {
    await disk.close(file)
  }
}

/** @param lines whole lines, the last with its line feed */
function hashOfLastLine(lines: Uint8Array): string {
  const text = lines.subarray(0, lines.length - 1)
  return lineHash(text.subarray(text.lastIndexOf(LINE_FEED) + 1))
}
