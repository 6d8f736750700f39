import { isAfter, type LogPosition } from "../domain/log-position.ts"
import type { LogEnd, LogWrite } from "../ports/outcome-log.ts"
import type { LogEntry } from "./log-entry.ts"

interface WriteEntries {
  readonly write: LogWrite
  readonly entries: LogEntry[]
  end: LogEnd | undefined
}

/** Entries that were appended to the log and are not durable yet. Only durable lines are folded: after a power cut no store is ahead of its log. */
export class UnsyncedEntries {
  readonly #writes: WriteEntries[] = []
  readonly #take: (entries: readonly LogEntry[], end: LogPosition) => void
  #synced: LogPosition | undefined

  /** @param take gets entries in log order as they become durable, with a place behind them that is. Each place is given once, with all before it */
  constructor(take: (entries: readonly LogEntry[], end: LogPosition) => void) {
    this.#take = take
  }

  /** Remembers an entry until the write that it is part of is durable; forgets it when that write is dropped. */
  add(write: LogWrite, entry: LogEntry): void {
    const last = this.#writes.at(-1)
    if (last?.write === write) {
      last.entries.push(entry)
      return
    }
    const added: WriteEntries = { write, entries: [entry], end: undefined }
    this.#writes.push(added)
    void this.#settle(added)
  }

  async #settle(added: WriteEntries): Promise<void> {
    added.end = await added.write.written
    if (added.end === undefined) this.#writes.splice(this.#writes.indexOf(added), 1)
    if (this.#synced !== undefined) this.synced(this.#synced)
  }

  /** The log is durable up to `end`. */
  synced(end: LogPosition): void {
    this.#synced = end
    let count = 0
    while (count < this.#writes.length) {
      const { end: written } = this.#writes[count] as WriteEntries
      // A slow disk's sync may be heard of before the write that it covers. A store takes what lies before a place once: all of it has to be there.
      if (written === undefined) return
      if (isAfter(written, end)) break
      count += 1
    }
    if (count > 0) {
      const entries = this.#writes.splice(0, count).flatMap((write) => write.entries)
      this.#take(entries, end)
    }
  }
}
