/** Rows that the overall mean stands for in each cell. */
const SMOOTHING = 100

/**
 * Mean rewards by variant and cell, where a cell is a combination of declared features. A cell of few rows is drawn towards the overall mean:
 * (sum + 100 mean) / (rows + 100).
 *
 * Asked before each row is added it says nothing of the future.
 */
export class OutcomeModel {
  readonly #variants: number
  #sums = new Float64Array(16)
  #rows = new Float64Array(16)
  #sum = 0
  #count = 0

  /** @param variants how many there are */
  constructor(variants: number) {
    this.#variants = variants
  }

  /** @param variant its index; @param cell from 0 */
  add(variant: number, cell: number, reward: number): void {
    const place = cell * this.#variants + variant
    if (place >= this.#sums.length) this.#grow(place)
    this.#sums[place] = (this.#sums[place] as number) + reward
    this.#rows[place] = (this.#rows[place] as number) + 1
    this.#sum += reward
    this.#count += 1
  }

  /** What a variant is expected to earn in a cell; 0 before the first row. */
  predict(variant: number, cell: number): number {
    if (this.#count === 0) return 0
    const place = cell * this.#variants + variant
    const [sum, rows] = [this.#sums[place] ?? 0, this.#rows[place] ?? 0]
    return (sum + (SMOOTHING * this.#sum) / this.#count) / (rows + SMOOTHING)
  }

  #grow(place: number): void {
    const length = Math.max(2 * this.#sums.length, place + 1)
    const [sums, rows] = [new Float64Array(length), new Float64Array(length)]
    sums.set(this.#sums)
    rows.set(this.#rows)
    this.#sums = sums
    this.#rows = rows
  }
}
