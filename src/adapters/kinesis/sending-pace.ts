/** Milliseconds. */
const FIRST_WAIT = 100
const LONGEST_WAIT = 5_000
/** Answers that come together say one thing together. */
const LOWER_EVERY = 250
const WINDOW = 1_000
/** Records a second: of the largest ones a shard takes one. */
const LEAST_RATE = 1
/** Taken for the rate where the very first call is refused. */
const FIRST_RATE = 500
const LOWERED = 0.8
/** Growth a second: near the rate at which the stream last had too much, and elsewhere. */
const RAISED_NEAR = 0.05
const RAISED_AWAY = 0.5
const NEAR = 0.3

/**
 * How fast records are sent: as fast as they come, until the stream refuses some because there is too much. Then four fifths of what it took
 * lately, and more each second that it takes everything: little near the rate at which it had too much, soon double elsewhere. So both a
 * provisioned stream's limit and an on-demand stream's growth are found. After a call that failed as a whole the next one waits longer each
 * time, at random up to five seconds, so that many gateways don't come back together.
 */
export class SendingPace {
  readonly #random: () => number
  /** Records a second. */
  #rate = Number.POSITIVE_INFINITY
  /** The rate at which the stream last had too much. */
  #ceiling = Number.NaN
  /** When the next record may go by the rate, and when any call may. */
  #freeAt = 0
  #heldUntil = 0
  #failures = 0
  #changedAt = 0
  #loweredAt = Number.NEGATIVE_INFINITY
  /** What was taken in this second, and in the one before it. */
  #window = { since: 0, taken: 0, before: 0 }

  /** @param random in [0, 1) */
  constructor(random: () => number) {
    this.#random = random
  }

  /** Records a second that are sent at most. */
  get rate(): number {
    return this.#rate
  }

  /** Takes the next place for a call. @returns how long to wait for it, milliseconds */
  reserve(records: number, now: number): number {
    const at = Math.max(now, this.#freeAt)
    this.#freeAt = at + (records / this.#rate) * 1000
    return Math.max(at, this.#heldUntil) - now
  }

  /** How long no call may go yet, because one has failed. */
  held(now: number): number {
    return Math.max(0, this.#heldUntil - now)
  }

  /** The stream took all of a call's records. */
  took(records: number, now: number): void {
    this.#failures = 0
    this.#count(records, now)
    const seconds = Math.min(1, (now - this.#changedAt) / 1000)
    const isNear = Math.abs(this.#rate / this.#ceiling - 1) <= NEAR
    this.#rate *= 1 + seconds * (isNear ? RAISED_NEAR : RAISED_AWAY)
    this.#changedAt = now
  }

  /** The stream took so many of a call's records, and refused others because there was too much. */
  throttled(records: number, now: number): void {
    this.#count(records, now)
    this.#failures = records === 0 ? this.#failures + 1 : 1
    this.#hold(now)
    if (now - this.#loweredAt < LOWER_EVERY) return
    this.#loweredAt = now
    const lately = Math.max(this.#window.before, this.#window.taken)
    this.#ceiling = Math.min(this.#rate, lately > 0 ? lately : FIRST_RATE)
    this.#rate = Math.max(LEAST_RATE, LOWERED * this.#ceiling)
    this.#changedAt = now
  }

  /** The call failed for another reason, or some of its records did. */
  failed(now: number): void {
    this.#failures += 1
    this.#hold(now)
  }

  #hold(now: number): void {
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(this.#failures - 1, 20))
    this.#heldUntil = Math.max(this.#heldUntil, now + this.#random() * longest)
  }

  #count(records: number, now: number): void {
    if (now - this.#window.since >= WINDOW) {
      const isNext = now - this.#window.since < 2 * WINDOW
      this.#window = { since: now, taken: 0, before: isNext ? this.#window.taken : 0 }
    }
    this.#window.taken += records
  }
}
