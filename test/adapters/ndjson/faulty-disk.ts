import { fstatSync } from "node:fs"
import { createNodeDisk, type Disk } from "#src/adapters/ndjson/disk.ts"

const nodeDisk = createNodeDisk()

type Operation = keyof Disk
/** Throws, or gives what is waited for. */
type Fault = () => Promise<void> | void

/** The real file system, which fails, stops half-way or hangs when told. */
export class FaultyDisk implements Disk {
  readonly #faults = new Map<Operation, Fault>()
  #partialBytes: number | undefined
  readonly #paths = new Map<number, string>()
  /** Files that `datasync` succeeded on, in order. */
  readonly synced: number[] = []
  /** How much of each file a power failure can't take, by path. */
  readonly durableBytes: Map<string, number>

  constructor(durableBytes = new Map<string, number>()) {
    this.durableBytes = durableBytes
  }

  /** Every call of `operation` fails from now on. */
  fail(operation: Operation, code: string): void {
    this.#faults.set(operation, () => {
      throw Object.assign(new Error(`${code}: told to`), { code })
    })
  }

  /** The next call of `operation` fails, later ones don't. */
  failOnce(operation: Operation, code: string): void {
    this.#faults.set(operation, () => {
      this.#faults.delete(operation)
      throw Object.assign(new Error(`${code}: told to`), { code })
    })
  }

  /** The next write takes only so many bytes; what follows fails as told. */
  writePartially(bytes: number): void {
    this.#partialBytes = bytes
  }

  /** Calls of `operation` wait until the returned function is called. @param reached told of each that waits */
  hang(operation: Operation, reached: () => void = () => {}): () => void {
    const released = Promise.withResolvers<void>()
    this.#faults.set(operation, () => {
      reached()
      return released.promise
    })
    return () => {
      this.#faults.delete(operation)
      released.resolve()
    }
  }

  heal(): void {
    this.#faults.clear()
  }

  async open(path: string, flags: "r+" | "w+" | "wx+" | "r"): Promise<number> {
    await this.#faults.get("open")?.()
    const file = await nodeDisk.open(path, flags)
    this.#paths.set(file, path)
    return file
  }

  writeNow(file: number, bytes: Uint8Array, from: number, position: number): number | undefined {
    if (this.#partialBytes !== undefined) {
      const part = bytes.subarray(0, from + this.#partialBytes)
      this.#partialBytes = undefined
      return nodeDisk.writeNow(file, part, from, position)
    }
    // A device that hangs is kept away from the event loop.
    if (this.#faults.get("write")?.() !== undefined) return undefined
    return nodeDisk.writeNow(file, bytes, from, position)
  }

  async write(file: number, bytes: Uint8Array, from: number, position: number): Promise<number> {
    if (this.#partialBytes !== undefined) {
      const part = bytes.subarray(0, from + this.#partialBytes)
      this.#partialBytes = undefined
      return await nodeDisk.write(file, part, from, position)
    }
    await this.#faults.get("write")?.()
    return await nodeDisk.write(file, bytes, from, position)
  }

  async truncate(file: number, length: number): Promise<void> {
    await this.#faults.get("truncate")?.()
    await nodeDisk.truncate(file, length)
    const path = this.#paths.get(file) ?? ""
    this.durableBytes.set(path, Math.min(length, this.durableBytes.get(path) ?? 0))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#faults.get("rename")?.()
    await nodeDisk.rename(from, to)
    for (const [file, path] of this.#paths) if (path === from) this.#paths.set(file, to)
    this.durableBytes.set(to, this.durableBytes.get(from) ?? 0)
  }

  async datasync(file: number): Promise<void> {
    await this.#faults.get("datasync")?.()
    const { size } = fstatSync(file)
    await nodeDisk.datasync(file)
    this.synced.push(file)
    this.durableBytes.set(this.#paths.get(file) ?? "", size)
  }

  async close(file: number): Promise<void> {
    await this.#faults.get("close")?.()
    await nodeDisk.close(file)
  }

  async syncFolder(path: string): Promise<void> {
    await this.#faults.get("syncFolder")?.()
    await nodeDisk.syncFolder(path)
  }
}
