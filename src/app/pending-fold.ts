import type { CounterKey } from "../domain/counters.ts"
import type { RewardEvent } from "../domain/events.ts"
import type { LogPosition } from "../domain/log-position.ts"
import type { FoldBatch, LogEntry } from "../ports/outcome-log.ts"

/** More keys than this are merged into hours: what waits while a store is down stays small. */
const MAX_KEYS = 100_000
const HOUR_SECONDS = 3_600

/** What was logged and not folded yet: decisions as counts, rewards one by one. */
export class PendingFold {
  #decisions = new Map<string, { readonly key: CounterKey; count: number }>()
  #rewards: RewardEvent[] = []
  #end: LogPosition | undefined

  /** How many rewards wait. */
  get rewards(): number {
    return this.#rewards.length
  }

  get isEmpty(): boolean {
    return this.#end === undefined
  }

  /** Takes the entries that end at `end`, in log order. */
  add(entries: readonly LogEntry[], end: LogPosition): void {
    for (const entry of entries) {
      if (entry.kind === "reward") this.#rewards.push(entry.event)
      else if (entry.kind === "decision" && entry.learn) this.#count(entry.key, 1)
    }
    this.#end = end
    if (this.#decisions.size > MAX_KEYS) this.#coarsen()
  }

  /** Everything so far as one batch, and nothing is left; undefined when there is nothing. */
  take(): FoldBatch | undefined {
    if (this.#end === undefined) return undefined
    const decisions = [...this.#decisions.values()].map(({ key, count }) => ({
      key,
      delta: { decisions: count, rewards: 0, sum: 0, sumSq: 0 },
    }))
    const batch = { decisions, rewards: this.#rewards, end: this.#end }
    this.#decisions = new Map()
    this.#rewards = []
    this.#end = undefined
    return batch
  }

  #count(key: CounterKey, count: number): void {
    const name = `${key.experiment}\n${key.metric}\n${key.variant}\n${key.bucket}`
    const counted = this.#decisions.get(name)
    if (counted === undefined) this.#decisions.set(name, { key, count })
    else counted.count += count
  }

  #coarsen(): void {
    const fine = [...this.#decisions.values()]
    this.#decisions = new Map()
    for (const { key, count } of fine) this.#count({ ...key, bucket: key.bucket - (key.bucket % HOUR_SECONDS) }, count)
  }
}
