/** Work that must not overlap, by name: each begins when the one before it of the same name has ended. */
export class OneAtATime {
  readonly #last = new Map<string, Promise<unknown>>()

  async take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name)
    const turn = (async () => {
      // What became of the work before is its own caller's to hear.
      await Promise.allSettled([before])
      return await work()
    })()
    this.#last.set(name, turn)
    try {
      return await turn
    } finally {
      if (this.#last.get(name) === turn) this.#last.delete(name)
    }
  }
}
