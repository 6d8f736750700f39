import type { Clock } from "#src/ports/clock.ts"
import { NOON } from "./outcomes.ts"

/** A clock that stands until it is moved. Threads can read it too. */
export class SharedClock implements Clock {
  /** The time in epoch milliseconds, and a monotonic time in milliseconds. */
  readonly shared = new SharedArrayBuffer(16)
  readonly #times = new Float64Array(this.shared)

  constructor(now = NOON) {
    this.#times[0] = now
  }

  now(): number {
    return this.#times[0] ?? 0
  }

  monotonicMs(): number {
    return this.#times[1] ?? 0
  }

  /** Time goes by on both. */
  pass(ms: number): void {
    this.#times[0] = this.now() + ms
    this.#times[1] = this.monotonicMs() + ms
  }

  /** Only the wall clock is set, forwards or back. */
  jump(ms: number): void {
    this.#times[0] = this.now() + ms
  }
}
