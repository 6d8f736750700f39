import type { DatabaseSync } from "node:sqlite"
import { TrustedTime } from "../../domain/trusted-time.ts"
import type { Clock } from "../../ports/clock.ts"

/** One moment by the store's clock. */
export interface Moment {
  /** What logs are taken for lapsed by: kept across restarts, never goes back. Epoch milliseconds. */
  readonly trustedMs: number
  /** What credits go by: not ahead of the wall clock either. Epoch milliseconds. */
  readonly passedMs: number
  /** What buckets get wide by: begins at the wall clock's time at each start, and doesn't follow its jumps. Epoch seconds. */
  readonly settledSeconds: number
}

/** The store's clock. Nothing is forgotten or made coarser because a wall clock was ahead for a while. */
export class StoreTime {
  readonly #database: DatabaseSync
  readonly #clock: Clock
  readonly #trusted: TrustedTime
  readonly #settled: TrustedTime

  constructor(database: DatabaseSync, clock: Clock) {
    this.#database = database
    this.#clock = clock
    const kept = database.prepare("SELECT at FROM trusted_time").get()?.["at"]
    const [wall, monotonic] = [clock.now(), clock.monotonicMs()]
    this.#trusted = new TrustedTime(kept === undefined ? wall : Number(kept), monotonic)
    this.#settled = new TrustedTime(wall, monotonic)
  }

  moment(): Moment {
    const [wall, monotonic] = [this.#clock.now(), this.#clock.monotonicMs()]
    const passedMs = this.#trusted.advance(wall, monotonic)
    const settledSeconds = this.#settled.advance(wall, monotonic) / 1000
    return { trustedMs: this.#trusted.at, passedMs, settledSeconds }
  }

  /** Writes the trusted time down, so that a start goes on from it. */
  keep(): void {
    this.#database
      .prepare("INSERT INTO trusted_time (only, at) VALUES (1, ?) ON CONFLICT DO UPDATE SET at = excluded.at")
      .run(Math.floor(this.moment().trustedMs))
  }
}
