export interface QueueKnobs {
  /** A queue in which nobody waits less than this is too long. */
  readonly targetMs: number
  /** For how long it has to be so. */
  readonly intervalMs: number
}

/** Weight of a new observation of the pace. */
const SMOOTHING = 0.2

/**
 * Tells a queue that stands from one that a burst leaves: in a burst's queue somebody soon waits hardly at all. So what counts is the shortest wait
 * of an interval, as in CoDel (RFC 8289), not the mean or the longest.
 */
export class StandingQueue {
  readonly #knobs: QueueKnobs
  #since = 0
  #shortestMs = Number.POSITIVE_INFINITY
  #stands = false
  #lastWaitMs = 0
  /** Pieces of work that leave the queue in a millisecond. */
  #pace = 0

  constructor(knobs: QueueKnobs) {
    this.#knobs = knobs
  }

  /** How long the newest observed piece waited. */
  get lastWaitMs(): number {
    return this.#lastWaitMs
  }

  /** A piece of work begins. @param waitedMs since it could begin @param ahead how many were to be done before it */
  observe(waitedMs: number, ahead: number, nowMs: number): void {
    this.#lastWaitMs = waitedMs
    if (ahead > 0 && waitedMs > 0) {
      const pace = ahead / waitedMs
      this.#pace = this.#pace === 0 ? pace : this.#pace + (pace - this.#pace) * SMOOTHING
    }
    this.#endInterval(nowMs)
    this.#shortestMs = Math.min(this.#shortestMs, waitedMs)
  }

  /** Whether nobody waited less than the target for a whole interval. */
  stands(nowMs: number): boolean {
    this.#endInterval(nowMs)
    return this.#stands
  }

  /** How many pieces can wait so that the last of them waits as long as the target. */
  get roomWithinTarget(): number {
    return Math.floor(this.#pace * this.#knobs.targetMs)
  }

  #endInterval(nowMs: number): void {
    const { targetMs, intervalMs } = this.#knobs
    const lasted = nowMs - this.#since
    if (lasted < intervalMs) return
    const waited = this.#shortestMs !== Number.POSITIVE_INFINITY && this.#shortestMs > targetMs
    // An interval that ended long ago says nothing of what came after it: silence.
    this.#stands = waited && lasted < 2 * intervalMs
    this.#since = nowMs
    this.#shortestMs = Number.POSITIVE_INFINITY
  }
}
