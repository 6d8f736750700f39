import type { DecisionEvent, RewardEvent } from "#src/domain/events.ts"
import { type LogPosition, samePosition } from "#src/domain/log-position.ts"
import type { CounterStore, FoldAnswer } from "#src/ports/counter-store.ts"
import { batchOf } from "#test/fold-batch.ts"

type Outcome = DecisionEvent | RewardEvent

/** A gateway's log of one experiment, and the way it is folded: from where the store stands. */
export class GatewayLog {
  id: string
  readonly #lines: { readonly event: Outcome; readonly end: LogPosition }[] = []
  /** Lines before this one belong to a log of another id. */
  #since = 0

  constructor(id: string) {
    this.id = id
  }

  append(...events: readonly Outcome[]): this {
    for (const event of events) {
      const offset = (this.#lines.at(-1)?.end.offset ?? 0) + 100
      // A hash of all that tells lines apart here.
      const hash = `${this.id} ${event.type} ${event.eventId} ${event.at}`
      this.#lines.push({ event, end: { file: 1, offset, hash } })
    }
    return this
  }

  /** The first lines of this log, under the same id: a disk that was copied, or restored. */
  copyOf(lines: number): GatewayLog {
    const copy = new GatewayLog(this.id)
    copy.#lines.push(...this.#lines.slice(0, lines))
    return copy
  }

  /** From here on it is a log of another id. */
  renew(id: string, from = this.#lines.length): void {
    this.id = id
    this.#since = from
  }

  get length(): number {
    return this.#lines.length
  }

  /** Where the first lines end; undefined before any of this id. */
  position(lines: number): LogPosition | undefined {
    return lines <= this.#since ? undefined : this.#lines[lines - 1]?.end
  }

  /** Folds the lines from `start` up to `end`, whatever the store may say to it. */
  async fold(store: CounterStore, start: number, end: number): Promise<FoldAnswer> {
    const last = this.#lines[end - 1]
    if (last === undefined) throw new Error(`the log has no line ${end}`)
    const events = this.#lines.slice(Math.max(start, this.#since), end).map(({ event }) => event)
    return await store.fold(batchOf(events, { log: this.id, from: this.position(start), end: last.end }))
  }

  /** Folds everything up to line `end` from where the store stands. */
  async catchUp(
    store: CounterStore,
    end = this.length,
  ): Promise<"caught up" | "stands nowhere in this log" | "lapsed"> {
    let start = this.#since
    for (;;) {
      if (start >= end) return "caught up"
      const answer = await this.fold(store, start, end)
      if (answer.status === "folded") return "caught up"
      if (answer.status === "lapsed") return "lapsed"
      const { position } = answer
      const stands = position === undefined ? this.#since : this.#placeOf(position)
      if (stands === undefined || stands === start) return "stands nowhere in this log"
      start = stands
    }
  }

  #placeOf(position: LogPosition): number | undefined {
    const index = this.#lines.findIndex(({ end }) => samePosition(end, position))
    return index < 0 ? undefined : index + 1
  }
}
