/**
 * Work that can wait, one piece for each round of the event loop: whatever else has arrived is looked at in between. Pieces are run in the order
 * in which they came.
 */
export class Turns {
  #pieces: (() => void)[] = []
  #next = 0

  add(piece: () => void): void {
    this.#pieces.push(piece)
    if (this.#pieces.length - this.#next === 1) setImmediate(this.#run)
  }

  readonly #run = (): void => {
    const piece = this.#pieces[this.#next++]
    if (this.#next === this.#pieces.length) {
      this.#pieces = []
      this.#next = 0
    } else {
      if (this.#next >= 1024) {
        this.#pieces = this.#pieces.slice(this.#next)
        this.#next = 0
      }
      setImmediate(this.#run)
    }
    piece?.()
  }
}
