import { execFile } from "node:child_process"
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { builtOnce } from "../../loadtest/built-once.ts"

const SOURCE = "test/chaos/synced-bytes.c"

const run = promisify(execFile)

/** What processes have synced of their files, so that a kill can be made as bad as a power failure: nothing else survives it for certain. */
export class SyncedBytes {
  /** For processes that are to be watched. */
  readonly environment: Readonly<Record<string, string>>
  readonly #notes: string

  private constructor(library: string) {
    this.#notes = join(temporaryFolder(), "synced")
    writeFileSync(this.#notes, "")
    this.environment = { LD_PRELOAD: library, SYNCED_BYTES: this.#notes }
  }

  /** Needs a C compiler. */
  static async watch(): Promise<SyncedBytes> {
    const compile = (path: string) => run("cc", ["-O2", "-shared", "-fPIC", "-o", path, SOURCE, "-ldl"])
    return new SyncedBytes(await builtOnce("lib/synced-bytes.so", SOURCE, compile))
  }

  /** Bytes that no sync has reached, of every such file in a folder. */
  unsynced(folder: string, ending: string): number {
    return this.#unsynced(folder, ending).reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Cuts them off, where the process has ended. @returns bytes */
  cut(folder: string, ending: string): number {
    const files = this.#unsynced(folder, ending)
    for (const { path, synced } of files) truncateSync(path, synced)
    return files.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  #unsynced(folder: string, ending: string) {
    const most = this.#synced()
    return readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((name) => {
      if (!name.endsWith(ending)) return []
      const path = join(folder, name)
      const { ino, size } = statSync(path)
      const synced = most.get(ino) ?? 0
      return synced >= size ? [] : [{ path, synced, bytes: size - synced }]
    })
  }

  /** The most by inode. */
  #synced(): ReadonlyMap<number, number> {
    const most = new Map<number, number>()
    for (const line of readFileSync(this.#notes, "utf8").split("\n")) {
      const [inode = 0, size = 0] = line.split(" ").map(Number)
      most.set(inode, Math.max(size, most.get(inode) ?? 0))
    }
    return most
  }
}
