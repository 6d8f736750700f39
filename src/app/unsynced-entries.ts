import { isAfter, type LogPosition } from "../domain/log-position.ts"
import type { LogEnd, LogWrite } from "../ports/outcome-log.ts"
import type { LogEntry } from "./log-entry.ts"

/** A place in the log before which everything is durable. */
export interface DurablePlace {
  readonly end: LogPosition
  /** When that was heard of, epoch milliseconds. */
  readonly heardAt: number
}

interface WriteEntries {
  readonly write: LogWrite
  readonly entries: LogEntry[]
  end: LogEnd | undefined
  /** Undefined while nobody waits for it. */
  handedOver: PromiseWithResolvers<void> | undefined
}

/** Entries that were appended to the log and are not durable yet. Only durable lines are folded: after a power cut no store is ahead of its log. */
export class UnsyncedEntries {
  readonly #writes: WriteEntries[] = []
  readonly #take: (entries: readonly LogEntry[], place: DurablePlace) => void
  /** Not handed over yet: a write that may lie before it hasn't said where it ends. */
  #heard: DurablePlace | undefined

  /** @param take gets entries in log order as they become durable, or none, with a place behind them that is. Each place is given once, with all before it */
  constructor(take: (entries: readonly LogEntry[], place: DurablePlace) => void) {
    this.#take = take
  }

  /** Remembers an entry until the write that it is part of is durable; forgets it when that write is dropped. */
  add(write: LogWrite, entry: LogEntry): void {
    const last = this.#writes.at(-1)
    if (last?.write === write) {
      last.entries.push(entry)
      return
    }
    const added: WriteEntries = { write, entries: [entry], end: undefined, handedOver: undefined }
    this.#writes.push(added)
    void this.#settle(added)
  }

  /** The log is durable up to a place. */
  synced(place: DurablePlace): void {
    this.#heard = place
    this.#handOver()
  }

  /** Waits until what was added so far is handed over, which a sync alone doesn't bring about at once, or dropped. */
  async handedOver(): Promise<void> {
    await Promise.all(this.#writes.map((added) => (added.handedOver ??= Promise.withResolvers<void>()).promise))
  }

  async #settle(added: WriteEntries): Promise<void> {
    added.end = await added.write.written
    if (added.end === undefined) {
      this.#writes.splice(this.#writes.indexOf(added), 1)
      added.handedOver?.resolve()
    }
    this.#handOver()
  }

  #handOver(): void {
    if (this.#heard === undefined) return
    const place = this.#heard
    let count = 0
    for (const { end } of this.#writes) {
      // A slow disk's sync may be heard of before the write that it covers. A store takes what lies before a place once: all of it has to be there.
      if (end === undefined) return
      if (isAfter(end, place.end)) break
      count += 1
    }
    this.#heard = undefined
    const writes = this.#writes.splice(0, count)
    this.#take(
      writes.flatMap(({ entries }) => entries),
      place,
    )
    for (const { handedOver } of writes) handedOver?.resolve()
  }
}
