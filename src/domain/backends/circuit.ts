/** Failures in a row that open a circuit. */
const FAILURES_IN_A_ROW = 5
/** Or this share of failures among at least so many calls of the window. */
const FAILED_SHARE = 0.5
const LEAST_CALLS = 20
const WINDOW_MS = 10_000
/** The window is kept in parts of this length. */
const PART_MS = 1_000
const PARTS = WINDOW_MS / PART_MS
/** How long a circuit stays open: so long the first time, twice that the second time in a row, … */
const OPEN_MS = 5_000
const LONGEST_OPEN_MS = 60_000
/** Times of gateways that open together spread by this share either way. */
const JITTER = 0.2

export type CircuitState = "closed" | "open" | "half_open"

/**
 * A circuit breaker: keeps calls from a server that fails. Open, it lets nothing through until its time is over; then one call tries (half open).
 * An answer closes it, another failure opens it for longer.
 *
 * Times are monotonic milliseconds and come as arguments, never falling.
 */
export class Circuit {
  readonly #random: () => number
  /** By part of the window: calls and failures. */
  readonly #calls = Array.from({ length: PARTS }, () => 0)
  readonly #failures = Array.from({ length: PARTS }, () => 0)
  #part = 0
  #inARow = 0
  /** Times it has opened since it was last closed. */
  #opened = 0
  #openUntilMs = 0
  #trying = false

  /** @param random uniform in [0, 1) */
  constructor(random: () => number) {
    this.#random = random
  }

  state(nowMs: number): CircuitState {
    if (this.#opened === 0) return "closed"
    return nowMs < this.#openUntilMs ? "open" : "half_open"
  }

  /** Whether a call may be made now. One that may must be followed by `succeeded`, `failed` or `undecided`. */
  enter(nowMs: number): boolean {
    if (this.#opened === 0) return true
    if (nowMs < this.#openUntilMs || this.#trying) return false
    this.#trying = true
    return true
  }

  /** Milliseconds until a call may try; 0 where one may. */
  waitMs(nowMs: number): number {
    return this.#opened === 0 ? 0 : Math.max(0, this.#openUntilMs - nowMs)
  }

  succeeded(nowMs: number): void {
    this.#count(nowMs, false)
    this.#inARow = 0
    // What was sent before it opened and answered since proves as much as a try.
    if (this.#opened > 0) this.#close()
  }

  failed(nowMs: number): void {
    this.#count(nowMs, true)
    this.#inARow++
    if (this.#opened === 0) {
      if (this.#inARow >= FAILURES_IN_A_ROW || this.#mostlyFails()) this.#open(nowMs)
      return
    }
    // What was sent before it opened says nothing new.
    if (this.#trying) this.#open(nowMs)
  }

  /** A call ended in a way that says nothing of the server. */
  undecided(): void {
    this.#trying = false
  }

  #open(nowMs: number): void {
    this.#opened++
    this.#trying = false
    const length = Math.min(LONGEST_OPEN_MS, OPEN_MS * this.#opened)
    this.#openUntilMs = nowMs + length * (1 + JITTER * (2 * this.#random() - 1))
  }

  #close(): void {
    this.#opened = 0
    this.#trying = false
    this.#calls.fill(0)
    this.#failures.fill(0)
  }

  #count(nowMs: number, failed: boolean): void {
    const part = Math.floor(nowMs / PART_MS)
    const passed = Math.min(PARTS, part - this.#part)
    for (let i = 1; i <= passed; i++) {
      this.#calls[(this.#part + i) % PARTS] = 0
      this.#failures[(this.#part + i) % PARTS] = 0
    }
    this.#part = part
    const at = part % PARTS
    this.#calls[at] = (this.#calls[at] as number) + 1
    if (failed) this.#failures[at] = (this.#failures[at] as number) + 1
  }

  #mostlyFails(): boolean {
    const calls = this.#calls.reduce((sum, count) => sum + count, 0)
    const failures = this.#failures.reduce((sum, count) => sum + count, 0)
    return calls >= LEAST_CALLS && failures >= FAILED_SHARE * calls
  }
}
