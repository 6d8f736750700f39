type Piece = () => void

/** Pieces of work in one turn. The loop takes one new connection a turn, so that long turns would keep newcomers waiting for seconds. */
export const MOST_PIECES = 32

/** So many of them between two looks, for a turn that looks at what has arrived in between. */
export const PIECES_BETWEEN_LOOKS = 8

/**
 * The end of a turn of the event loop, in two steps: first the work on all that has arrived in the turn, then what is due when that work is done,
 * such as one write for all of it. Both run before the loop looks for new arrivals.
 *
 * A request that is worked on as soon as it is read finds the processor's caches full of the code that reads. Reading all, then working on all, then
 * answering all costs a third less than one request after the other.
 */
export class TurnEnd {
  /**
   * Whether the loop looks at what has arrived while the work of a turn goes on: who is refused then hears so without waiting for the work on all
   * the others. The work of a turn still ends together, but takes up to a quarter longer.
   */
  looksInBetween = false
  /** Told how long a piece of work waited for its turn, and how many pieces were before it: of the first piece that came after the last one told of. */
  onWaited: (waitedMs: number, ahead: number) => void = () => {}
  #work: Piece[] = []
  /** The piece whose wait is measured: when it came, how many were before it then, and how many of these are still to be done. */
  #measured: { readonly sinceMs: number; readonly ahead: number; left: number } | undefined
  /** What is to be told of the piece that was measured last. */
  #waited: { readonly waitedMs: number; readonly ahead: number } | undefined
  /** How many pieces this turn has had. */
  #done = 0
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
    const pieces = this.#work.splice(0, this.looksInBetween ? PIECES_BETWEEN_LOOKS : MOST_PIECES)
    this.#done += pieces.length
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
    this.#waited ??= { waitedMs: performance.now() - measured.sinceMs, ahead: measured.ahead }
  }

  readonly #runAfterwards = (): void => {
    this.#due -= 1
    // The turn goes on.
    if (this.looksInBetween && this.#done < MOST_PIECES && this.#work.length > 0) return
    this.#done = 0
    const pieces = this.#afterwards
    this.#afterwards = []
    for (const piece of pieces) piece()
    if (this.#waited === undefined) return
    const { waitedMs, ahead } = this.#waited
    this.#waited = undefined
    this.onWaited(waitedMs, ahead)
  }
}
