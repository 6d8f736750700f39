type Piece = () => void

/** Pieces of work in one turn. The loop takes one new connection a turn, so that long turns would keep newcomers waiting for seconds. */
export const MOST_PIECES = 32

/**
 * The end of a turn of the event loop, in two steps: first the work on all that has arrived in the turn, then what is due when that work is done,
 * such as one write for all of it. Both run before the loop looks for new arrivals.
 *
 * A request that is worked on as soon as it is read finds the processor's caches full of the code that reads. Reading all, then working on all, then
 * answering all costs a third less than one request after the other.
 */
export class TurnEnd {
  /** Told how long a piece of work waited for its turn, and how many pieces were before it: of the first piece that came after the last one told of. */
  onWaited: (waitedMs: number, ahead: number) => void = () => {}
  #work: Piece[] = []
  /** The piece whose wait is measured: when it came, how many were before it then, and how many of these are still to be done. */
  #measured: { readonly sinceMs: number; readonly ahead: number; left: number } | undefined
  #afterwards: Piece[] = []
  /** How often `#runAfterwards` is still to run in this turn. */
  #due = 0

  /** Runs a piece of work once everything that has arrived in this turn is read. */
  readonly work = (piece: Piece): void => {
    this.#measured ??= { sinceMs: performance.now(), ahead: this.#work.length, left: this.#work.length }
    this.#work.push(piece)
    if (this.#work.length === 1) this.#askForWork()
  }

  /** Runs a piece when the work of this turn is done. */
  readonly afterwards = (piece: Piece): void => {
    this.#afterwards.push(piece)
    if (this.#due === 0) this.#askForAfterwards()
  }

  #askForWork(): void {
    setImmediate(this.#runWork)
    // Asked for now, so that it comes in the same turn. What the work starts with promises runs in between.
    this.#askForAfterwards()
  }

  #askForAfterwards(): void {
    this.#due += 1
    setImmediate(this.#runAfterwards)
  }

  readonly #runWork = (): void => {
    const pieces = this.#work.splice(0, MOST_PIECES)
    this.#measure(pieces.length)
    if (this.#work.length > 0) this.#askForWork()
    for (const piece of pieces) piece()
  }

  #measure(pieces: number): void {
    const measured = this.#measured
    if (measured === undefined) return
    if (measured.left >= pieces) {
      measured.left -= pieces
      return
    }
    this.#measured = undefined
    this.onWaited(performance.now() - measured.sinceMs, measured.ahead)
  }

  readonly #runAfterwards = (): void => {
    this.#due -= 1
    const pieces = this.#afterwards
    this.#afterwards = []
    for (const piece of pieces) piece()
  }
}
