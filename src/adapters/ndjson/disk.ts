import { close, fdatasync, fsync, ftruncate, open, rename, write, writeSync } from "node:fs"
import { promisify } from "node:util"
import { DeviceTrust } from "./device-trust.ts"

/** The few things that the outcome log asks of a file system. All but quick writes run in the thread pool. */
export interface Disk {
  open(path: string, flags: "r+" | "w+" | "wx+" | "r"): Promise<number>
  /**
   * Writes on the event loop.
   *
   * @returns how many bytes were written, which may be fewer than given; undefined where nothing was, since the device is kept away from the
   *          event loop
   */
  writeNow(file: number, bytes: Uint8Array, from: number, position: number): number | undefined
  /** The same, in the thread pool where it must. */
  write(file: number, bytes: Uint8Array, from: number, position: number): Promise<number>
  truncate(file: number, length: number): Promise<void>
  rename(from: string, to: string): Promise<void>
  datasync(file: number): Promise<void>
  close(file: number): Promise<void>
  /** Makes the names of a folder's files durable. */
  syncFolder(path: string): Promise<void>
}

const openFile = promisify(open)
const closeFile = promisify(close)
const syncFile = promisify(fsync)

/** A write into the page cache takes microseconds; one that takes this long comes from a device in trouble, or from a busy machine. */
const SLOW_WRITE_MS = 5

/**
 * Node's file system. Writes on the event loop while the device is quick, since handing a write to the thread pool costs more than the write
 * itself; through the thread pool for a while after one was slow (`DeviceTrust`).
 *
 * @param nowMs any monotonic clock
 */
export function createNodeDisk(nowMs: () => number = () => performance.now()): Disk {
  const trust = new DeviceTrust()
  const writeNow: Disk["writeNow"] = (file, bytes, from, position) => {
    const startedMs = nowMs()
    if (!trust.isQuick(startedMs)) return undefined
    try {
      return writeSync(file, bytes, from, bytes.length - from, position)
    } finally {
      const endedMs = nowMs()
      if (endedMs - startedMs > SLOW_WRITE_MS) trust.wasSlow(endedMs)
    }
  }
  return {
    open: (path, flags) => openFile(path, flags, 0o640),
    writeNow,
    write: async (file, bytes, from, position) =>
      writeNow(file, bytes, from, position) ?? (await pooledWrite(file, bytes, from, position)),
    truncate: promisify(ftruncate),
    rename: promisify(rename),
    datasync: promisify(fdatasync),
    close: closeFile,
    syncFolder: async (path) => {
      const folder = await openFile(path, "r")
      try {
        await syncFile(folder)
      } finally {
        await closeFile(folder)
      }
    },
  }
}

function pooledWrite(file: number, bytes: Uint8Array, from: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(file, bytes, from, bytes.length - from, position, (error, written) => {
      if (error === null) resolve(written)
      else reject(error)
    })
  })
}
