/** How many bytes of shared memory a key takes. */
export const KEY_USE_BYTES = 16

/** A bucket holds what comes in so long, in nanoseconds; one request where the rate is below one a second. */
const SECOND = 1_000_000_000n

/**
 * A bucket is never further from full than one burst, unless the clock was set back. By less than this it wasn't: another thread took a
 * request after this one had read the clock.
 */
const CLOCK_SLACK = SECOND

/**
 * What all threads of a gateway know of one key: when it was used last, and how much of its rate is left.
 *
 * The rate is a token bucket that holds one second's worth, kept as the moment at which it will be full again (the generic cell rate
 * algorithm): one number, which threads change by compare-and-swap.
 */
export class KeyUse {
  readonly #fullAt: BigInt64Array
  readonly #lastUsedSeconds: Uint32Array
  /** Nanoseconds between two requests; 0: no limit. */
  readonly #interval: bigint
  readonly #burst: bigint

  /**
   * @param memory `KEY_USE_BYTES`, zeros at first
   * @param requestsPerSecond above 0; undefined: no limit
   */
  constructor(memory: SharedArrayBuffer, requestsPerSecond?: number) {
    this.#fullAt = new BigInt64Array(memory, 0, 1)
    this.#lastUsedSeconds = new Uint32Array(memory, 8, 1)
    this.#interval = requestsPerSecond === undefined ? 0n : BigInt(Math.ceil(1e9 / requestsPerSecond))
    this.#burst = this.#interval > SECOND ? this.#interval : SECOND
  }

  /** Epoch milliseconds, to the second; undefined before the first use. */
  get lastUsedAt(): number | undefined {
    const seconds = this.#lastUsedSeconds[0] as number
    return seconds === 0 ? undefined : seconds * 1000
  }

  /** @param now epoch milliseconds */
  used(now: number): void {
    this.#lastUsedSeconds[0] = now / 1000
  }

  /**
   * Takes one request out of the bucket.
   *
   * @param now epoch milliseconds
   * @returns 0, or after how many milliseconds there is room for one: nothing was taken then
   */
  take(now: number): number {
    if (this.#interval === 0n) return 0
    // By microseconds: a double has no room for today's nanoseconds.
    const present = BigInt(Math.floor(now * 1000)) * 1000n
    for (;;) {
      const fullAt = Atomics.load(this.#fullAt, 0)
      const wasSetBack = fullAt > present + this.#burst + CLOCK_SLACK
      const begin = fullAt < present || wasSetBack ? present : fullAt
      const next = begin + this.#interval
      const missing = next - present - this.#burst
      if (missing > 0n) return Number(missing) / 1e6
      if (Atomics.compareExchange(this.#fullAt, 0, fullAt, next) === fullAt) return 0
    }
  }
}
