import { mkdir } from "node:fs/promises"
import { GatewayError } from "../../domain/errors.ts"
import type { LogSpan } from "../../domain/log-position.ts"
import type { Logger } from "../../ports/logger.ts"
import type { LogEnd, LogPosition, LogWrite, OutcomeLog } from "../../ports/outcome-log.ts"
import { createNodeDisk, type Disk } from "./disk.ts"
import { DROPPED, LineBatch } from "./line-batch.ts"
import { LogFile } from "./log-file.ts"
import { keepLogSpan, newLogSpan, readLogSpans } from "./log-identity.ts"

/** What the log has done since it was opened, for metrics. */
export interface OutcomeLogCounts {
  appendedLines: number
  appendedBytes: number
  writes: number
  /** Lines that will never be written: the disk refused them, or the backlog was full. */
  droppedLines: number
  /** Decisions answered before their line was written, because the disk was slow. */
  lateLines: number
  writeErrors: number
  syncs: number
  syncErrors: number
  /** Whether the last file ended in part of a line when it was opened. */
  tornLines: number
  /** Whether the disk refused the last thing asked of it. */
  failing: boolean
}

export interface OutcomeLogOptions {
  readonly folder: string
  readonly logger: Logger
  /** A file that has reached this size is followed by another. Default 64 MiB. */
  readonly maxFileBytes?: number
  /** Longest that a decision waits for its line to be written. Default 20. */
  readonly answerWithinMs?: number
  /** A sync starts at most this long after a write; with the device's own time decisions are durable within 50 ms. Default 30. */
  readonly syncAfterMs?: number
  /** Lines beyond this much unwritten and not durable are dropped. Default 64 MiB. */
  readonly maxBacklogBytes?: number
  readonly disk?: Disk
  /** Runs something when what has arrived in this turn of the event loop is dealt with. Default: after the turn's I/O. */
  readonly atTurnEnd?: (run: () => void) => void
}

export interface NdjsonOutcomeLog extends OutcomeLog {
  readonly counts: Readonly<OutcomeLogCounts>
  /** Bytes of lines that are in memory: not written, or not durable yet. */
  readonly backlogBytes: number
}

/**
 * Opens the outcome log of a folder for appending; made where it isn't there. One writer per folder.
 *
 * One write a turn of the event loop, with everything that was appended in it (docs/adr/0002-outcome-log.md).
 *
 * @throws GatewayError `log_unavailable` when the folder can't be read or made
 */
export async function openOutcomeLog(options: OutcomeLogOptions): Promise<NdjsonOutcomeLog> {
  const disk = options.disk ?? createNodeDisk()
  try {
    await mkdir(options.folder, { recursive: true })
    const file = await LogFile.open(disk, options.folder, options.maxFileBytes ?? 64 << 20)
    // Lines without an identity were folded under one that is lost: counting them again is for `rebuild`, which starts from nothing.
    const since = file.durable.file === 1 && file.durable.offset === 0 ? undefined : file.durable
    const kept = (await readLogSpans(options.folder)).at(-1)
    const log = new NdjsonLog(file, kept ?? newLogSpan(since), options)
    if (kept === undefined) await log.keepId()
    return log
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    throw new GatewayError("log_unavailable", { detail: `[ndjson] ${options.folder} can't be opened`, cause })
  }
}

class NdjsonLog implements NdjsonOutcomeLog {
  readonly counts: OutcomeLogCounts
  readonly #file: LogFile
  readonly #folder: string
  readonly #logger: Logger
  readonly #answerWithinMs: number
  readonly #syncAfterMs: number
  readonly #maxBacklogBytes: number
  readonly #atTurnEnd: (run: () => void) => void
  #span: LogSpan
  /** Set while the id is not written down: a full disk keeps no gateway from starting. */
  #unkept: LogSpan | undefined
  #listener: (end: LogPosition) => void = () => {}
  /** Batch that lines are being added to. */
  #open: LineBatch | undefined
  /** Batch that is being written. */
  #writing: LineBatch | undefined
  #nextSync: Promise<void> | undefined
  #lastSync: Promise<unknown> = Promise.resolve()
  #syncTimer: NodeJS.Timeout | undefined

  constructor(file: LogFile, span: LogSpan, options: OutcomeLogOptions) {
    this.#file = file
    this.#span = span
    this.#folder = options.folder
    this.#logger = options.logger
    this.#answerWithinMs = options.answerWithinMs ?? 20
    this.#syncAfterMs = options.syncAfterMs ?? 30
    this.#maxBacklogBytes = options.maxBacklogBytes ?? 64 << 20
    this.#atTurnEnd = options.atTurnEnd ?? ((run) => void setImmediate(run))
    this.counts = {
      appendedLines: 0,
      appendedBytes: 0,
      writes: 0,
      droppedLines: 0,
      lateLines: 0,
      writeErrors: 0,
      syncs: 0,
      syncErrors: 0,
      tornLines: file.ragged ? 1 : 0,
      failing: false,
    }
  }

  get id(): string {
    return this.#span.id
  }

  get since(): LogPosition | undefined {
    return this.#span.since
  }

  get backlogBytes(): number {
    return (this.#open?.size ?? 0) + (this.#writing?.size ?? 0) + this.#file.unsyncedBytes
  }

  append(line: string): LogWrite {
    const batch = this.#batch()
    if (this.backlogBytes + line.length > this.#maxBacklogBytes) {
      this.counts.droppedLines += 1
      return DROPPED
    }
    batch.add(line)
    return batch
  }

  onSynced(listener: (end: LogPosition) => void): void {
    this.#listener = listener
  }

  async renew(): Promise<void> {
    await this.sync()
    try {
      const span = newLogSpan(this.#file.durable)
      await keepLogSpan(this.#folder, span)
      this.#span = span
    } catch (cause) {
      throw new GatewayError("log_unavailable", { detail: "[ndjson] the log's new id can't be written", cause })
    }
  }

  sync(): Promise<void> {
    this.#nextSync ??= this.#syncAfter(this.#lastSync)
    return this.#nextSync
  }

  /** Writes the id of a new log down, now or with a later sync. Never rejects. */
  async keepId(): Promise<void> {
    const span = this.#span
    this.#unkept = undefined
    try {
      await keepLogSpan(this.#folder, span)
    } catch (error) {
      this.#unkept = span
      this.#report(error)
    }
  }

  async close(): Promise<void> {
    try {
      await this.sync()
    } finally {
      clearTimeout(this.#syncTimer)
      await this.#file.close()
    }
  }

  #batch(): LineBatch {
    if (this.#open === undefined) {
      this.#open = new LineBatch()
      // After the I/O of this turn, so that all its decisions share one write.
      if (this.#writing === undefined) this.#atTurnEnd(this.#endTurn)
      else this.#open.waitAtMost(this.#answerWithinMs)
    }
    return this.#open
  }

  readonly #endTurn = (): void => {
    const batch = this.#open
    if (batch === undefined || this.#writing !== undefined) return
    const bytes = bytesOf(batch)
    if (!this.#writeNow(batch, bytes)) {
      batch.waitAtMost(this.#answerWithinMs)
      void this.#drain()
    }
  }

  /** Writes without waiting where the file is in order and the device quick. @returns false where it isn't; the batch is as it was */
  #writeNow(batch: LineBatch, bytes: Uint8Array): boolean {
    let end: LogEnd | undefined
    try {
      if (!this.#file.appendNow(bytes)) return false
      end = this.#wrote(batch, bytes)
    } catch (error) {
      this.#refused(batch, error)
    }
    this.#open = undefined
    batch.settle(end)
    return true
  }

  async #drain(): Promise<void> {
    while (this.#open !== undefined && this.#writing === undefined) {
      const batch = this.#open
      this.#open = undefined
      this.#writing = batch
      const end = await this.#write(batch)
      this.#writing = undefined
      if (batch.late) this.counts.lateLines += batch.lines.length
      batch.settle(end)
    }
  }

  async #write(batch: LineBatch): Promise<LogEnd | undefined> {
    const bytes = bytesOf(batch)
    try {
      await this.#file.append(bytes)
    } catch (error) {
      this.#refused(batch, error)
      return undefined
    }
    return this.#wrote(batch, bytes)
  }

  #refused({ lines }: LineBatch, error: unknown): void {
    this.counts.writeErrors += 1
    this.counts.droppedLines += lines.length
    this.#report(error)
  }

  #wrote({ lines }: LineBatch, bytes: Uint8Array): LogEnd {
    this.counts.writes += 1
    this.counts.appendedLines += lines.length
    this.counts.appendedBytes += bytes.length
    if (this.counts.failing) this.#recovered()
    this.#syncTimer ??= setTimeout(() => void this.#syncInBackground(), this.#syncAfterMs)
    return this.#file.end
  }

  /** Joined by every caller until the sync before it is done: one fdatasync answers all of them. */
  async #syncAfter(previous: Promise<unknown>): Promise<void> {
    await previous
    // Whoever waits for this sync gets its error; the next one tries anew.
    this.#lastSync = Promise.allSettled([this.#nextSync])
    this.#nextSync = undefined
    await (this.#open ?? this.#writing)?.written
    try {
      await this.#syncFile()
    } catch (cause) {
      throw new GatewayError("log_unavailable", {
        detail: "[ndjson] the device refuses to sync the outcome log",
        cause,
      })
    }
  }

  async #syncFile(): Promise<void> {
    if (this.#file.unsyncedBytes === 0) return
    try {
      await this.#file.sync()
    } catch (error) {
      this.counts.syncErrors += 1
      this.#report(error)
      // An empty batch takes what the device refused into a new file.
      if ((await this.#batch().written) === undefined) throw error
      await this.#file.sync()
    }
    this.counts.syncs += 1
    if (this.#unkept !== undefined) await this.keepId()
    this.#listener(this.#file.durable)
  }

  async #syncInBackground(): Promise<void> {
    // What is written from now on may come too late for this sync: it asks for another.
    this.#syncTimer = undefined
    try {
      await this.sync()
    } catch (error) {
      this.#report(error)
    }
  }

  /** Once for a run of failures, so that a full disk isn't filled by the operational log. */
  #report(error: unknown): void {
    if (this.counts.failing) return
    this.counts.failing = true
    this.#logger.error({ err: error, file: this.#file.end.file }, "[ndjson] the outcome log fails; lines are dropped")
  }

  #recovered(): void {
    this.counts.failing = false
    this.#logger.info({ droppedLines: this.counts.droppedLines }, "[ndjson] the outcome log works again")
  }
}

function bytesOf({ lines }: LineBatch): Uint8Array {
  return Buffer.from(lines.length === 0 ? "" : `${lines.join("\n")}\n`)
}
