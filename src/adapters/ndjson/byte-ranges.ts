/** Where bytes of a file are: from `begin` to before `end`. */
export interface ByteRange {
  readonly begin: number
  readonly end: number
}

/** Which bytes of a file are there. Ranges that touch are one, so that it stays small where most of a file is there. */
export class ByteRanges {
  #ranges: ByteRange[] = []

  /** Ascending, with something missing between each two. */
  get all(): readonly ByteRange[] {
    return this.#ranges
  }

  /** What of a range is there already, ascending. */
  within({ begin, end }: ByteRange): ByteRange[] {
    return this.#ranges
      .slice(this.#firstEndingAfter(begin), this.#firstBeginningAt(end))
      .map((range) => ({ begin: Math.max(begin, range.begin), end: Math.min(end, range.end) }))
  }

  add({ begin, end }: ByteRange): void {
    const from = this.#firstEndingAfter(begin - 1)
    const to = this.#firstBeginningAt(end + 1)
    const touched = this.#ranges.slice(from, to)
    const whole = {
      begin: Math.min(begin, touched[0]?.begin ?? begin),
      end: Math.max(end, touched.at(-1)?.end ?? end),
    }
    this.#ranges.splice(from, to - from, whole)
  }

  #firstEndingAfter(place: number): number {
    return this.#firstOf((range) => range.end > place)
  }

  #firstBeginningAt(place: number): number {
    return this.#firstOf((range) => range.begin >= place)
  }

  /** @param isBehind true from some range on */
  #firstOf(isBehind: (range: ByteRange) => boolean): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      const range = this.#ranges[middle]
      if (range !== undefined && isBehind(range)) high = middle
      else low = middle + 1
    }
    return low
  }
}
