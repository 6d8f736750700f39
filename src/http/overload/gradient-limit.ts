export interface GradientKnobs {
  /** The limit before anything is known, and the least and most that it can become. Requests. */
  readonly initial: number
  readonly least: number
  readonly most: number
  /** Share of a new estimate in the limit, in (0, 1]. */
  readonly smoothing: number
  /** How many samples the usual time goes back. */
  readonly longWindow: number
  /** How many times the usual time is still no congestion, at least 1. */
  readonly tolerance: number
  /** How many requests the limit gains with each sample while nothing slows down. */
  readonly growth: number
}

/** The usual time is the plain mean until it has so many samples. */
const FIRST_SAMPLES = 10

/**
 * How many requests may wait for something outside this thread at once, learned from how long they wait.
 *
 * While a request takes its usual time, the limit grows; when it takes more than `tolerance` times that, the limit shrinks in proportion, at most to
 * half of it with one estimate. The usual time is a slow mean of all samples, so that a change for good becomes usual.
 *
 * Source: Gradient2 of Netflix's concurrency-limits.
 */
export class GradientLimit {
  readonly #knobs: GradientKnobs
  #limit: number
  #samples = 0
  #usualMs = 0

  constructor(knobs: GradientKnobs) {
    this.#knobs = knobs
    this.#limit = knobs.initial
  }

  /** Requests, from `least` to `most`. */
  get value(): number {
    return Math.floor(this.#limit)
  }

  /** Learns from a request that is answered. @param inFlight how many waited with it, itself included */
  learn(tookMs: number, inFlight: number): void {
    const { least, most, smoothing, longWindow, tolerance, growth } = this.#knobs
    if (!(tookMs > 0 && Number.isFinite(tookMs))) return
    this.#samples = Math.min(this.#samples + 1, longWindow)
    const weight = this.#samples <= FIRST_SAMPLES ? 1 / this.#samples : 2 / (longWindow + 1)
    this.#usualMs += (tookMs - this.#usualMs) * weight
    // After an outage the usual time is far too long: it would take the whole window to find congestion again.
    if (this.#usualMs > 2 * tookMs) this.#usualMs *= 0.95
    // Few requests say nothing about a limit that they are far from.
    if (inFlight < this.#limit / 2) return
    const gradient = Math.max(0.5, Math.min(1, (tolerance * this.#usualMs) / tookMs))
    const estimate = this.#limit * gradient + growth
    const smoothed = this.#limit * (1 - smoothing) + estimate * smoothing
    this.#limit = Math.max(least, Math.min(most, smoothed))
  }
}
