import { hash, randomBytes } from "node:crypto"
import { type FileHandle, open } from "node:fs/promises"
import { chainLine, NO_LINE, placeOf } from "../../domain/audit-chain.ts"
import { GatewayError } from "../../domain/errors.ts"
import { readJson } from "../../domain/json-text.ts"
import type { AuditHead, AuditLine, AuditLog, AuditRecord } from "../../ports/audit-log.ts"
import { readBackwards } from "./lines-backwards.ts"
import { endOfLines, isAbsent } from "./log-files.ts"

/** SHA-256 in hex. */
export function sha256(text: string): string {
  return hash("sha256", text)
}

interface Waiting {
  readonly record: AuditRecord
  readonly at: number
  resolve(head: AuditHead): void
  reject(error: GatewayError): void
}

/**
 * The audit trail in one file, exempt from the outcome log's retention. One process at a time owns the folder.
 *
 * Records that come while the disk is busy are written and synced together. A file that can't be opened now is opened by the next record;
 * half a line, which a crash leaves, is cut off then.
 */
export class AuditFile implements AuditLog {
  readonly #path: string
  #file: FileHandle | undefined
  #size = 0
  #head: AuditHead | undefined
  #waiting: Waiting[] = []
  #underWay: Promise<void> | undefined

  constructor(path: string) {
    this.#path = path
  }

  append(record: AuditRecord, at: number): Promise<AuditHead> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, at, resolve, reject })
      this.#underWay ??= this.#writeAll()
    })
  }

  async read({ subject, actor, before, limit }: Parameters<AuditLog["read"]>[0]): Promise<readonly AuditLine[]> {
    await this.#underWay
    const found: AuditLine[] = []
    try {
      for await (const text of readBackwards(this.#path)) {
        const line = readJson(text) as AuditLine | undefined
        // What is damaged is for `audit verify` to tell.
        const fits =
          line !== undefined &&
          (subject === undefined || line.subject === subject) &&
          (actor === undefined || line.actor === actor) &&
          (before === undefined || line.seq < before)
        if (fits && found.push(line) >= limit) break
      }
      return found
    } catch (cause) {
      if (isAbsent(cause)) return []
      throw unavailable(cause)
    }
  }

  async close(): Promise<void> {
    await this.#underWay
    await this.#file?.close()
    this.#file = undefined
  }

  async #writeAll(): Promise<void> {
    // Records of one turn of the event loop go together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const together = this.#waiting
      this.#waiting = []
      try {
        const heads = await this.#write(together)
        for (const [index, waiting] of together.entries()) waiting.resolve(heads[index] as AuditHead)
      } catch (cause) {
        for (const waiting of together) waiting.reject(unavailable(cause))
      }
    }
    // In the same breath as the last look: a record that comes later begins anew.
    this.#underWay = undefined
  }

  async #write(together: readonly Waiting[]): Promise<AuditHead[]> {
    const file = (this.#file ??= await this.#open())
    let head = this.#head ?? { chain: randomBytes(8).toString("hex"), seq: 0, hash: NO_LINE }
    const heads: AuditHead[] = []
    let text = ""
    for (const { record, at } of together) {
      const line = chainLine(head, { at: new Date(at).toISOString(), ...record })
      head = { chain: head.chain, seq: head.seq + 1, hash: sha256(line) }
      heads.push(head)
      text += `${line}\n`
    }
    const bytes = Buffer.from(text)
    try {
      await writeAt(file, bytes, this.#size)
      await file.datasync()
    } catch (error) {
      // What was not promised must not be there: the next line would carry the hash of another.
      await Promise.allSettled([file.truncate(this.#size), file.close()])
      this.#file = undefined
      this.#head = undefined
      throw error
    }
    this.#size += bytes.length
    this.#head = head
    return heads
  }

  async #open(): Promise<FileHandle> {
    const file = await open(this.#path, "a+", 0o640)
    await file.close()
    const opened = await open(this.#path, "r+")
    try {
      const { size, end } = await endOfLines(this.#path)
      if (size > end) await opened.truncate(end)
      this.#size = end
      this.#head = await this.#lastHead()
      return opened
    } catch (error) {
      await opened.close()
      throw error
    }
  }

  async #lastHead(): Promise<AuditHead | undefined> {
    for await (const line of readBackwards(this.#path)) {
      const place = placeOf(line, sha256)
      if (place === undefined) {
        throw new GatewayError("audit_unavailable", {
          detail: `The last line of ${this.#path} is not one of an audit trail. Look at it with "audit verify", and move the file away to begin another.`,
        })
      }
      return place
    }
    return undefined
  }
}

async function writeAt(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

function unavailable(cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause
  return new GatewayError("audit_unavailable", { detail: "The audit trail can't be written or read now.", cause })
}
