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

  /** Cuts off what no sync had reached, of every such file in a folder whose process has ended. @returns bytes */
  cut(folder: string, ending: string): number {
    const synced = this.#synced()
    let bytes = 0
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      if (!name.endsWith(ending)) continue
      const path = join(folder, name)
      const { ino, size } = statSync(path)
      const kept = synced.get(ino) ?? 0
      if (kept >= size) continue
      truncateSync(path, kept)
      bytes += size - kept
    }
    return bytes
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
