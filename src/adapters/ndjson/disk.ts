import { close, fdatasync, fsync, ftruncate, open, write } from "node:fs"
import { promisify } from "node:util"

/** The few things that the outcome log asks of a file system. All run in the thread pool, none on the event loop. */
export interface Disk {
  open(path: string, flags: "r+" | "wx+" | "r"): Promise<number>
  /** @returns how many bytes were written, which may be fewer than given */
  write(file: number, bytes: Uint8Array, from: number, position: number): Promise<number>
  truncate(file: number, length: number): Promise<void>
  datasync(file: number): Promise<void>
  close(file: number): Promise<void>
  /** Makes the names of a folder's files durable. */
  syncFolder(path: string): Promise<void>
}

const openFile = promisify(open)
const closeFile = promisify(close)
const syncFile = promisify(fsync)

export const nodeDisk: Disk = {
  open: (path, flags) => openFile(path, flags, 0o640),
  // Not promisified: this one is called once per event-loop turn.
  write: (file, bytes, from, position) =>
    new Promise((resolve, reject) => {
      write(file, bytes, from, bytes.length - from, position, (error, written) => {
        if (error === null) resolve(written)
        else reject(error)
      })
    }),
  truncate: promisify(ftruncate),
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
