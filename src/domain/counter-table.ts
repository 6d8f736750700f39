import type { CounterDelta, CounterKey } from "./counters.ts"
import type { CounterRow } from "./statistics.ts"

/** Sums in micro-units; as big integers, because a busy bucket of large rewards passes 2^53. */
export interface CounterCell {
  readonly experiment: string
  readonly variant: string
  readonly metric: string
  readonly bucket: number
  readonly widthSeconds: number
  readonly decisions: number
  readonly rewards: number
  readonly sum: bigint
  readonly sumSq: bigint
}

type MutableCell = { -readonly [Field in keyof CounterCell]: CounterCell[Field] }

/** Counters in memory, with buckets of one width. Exact, whatever the order of additions. */
export class CounterTable {
  readonly #widthSeconds: number
  readonly #series = new Map<string, Map<string, MutableCell>>()

  constructor(widthSeconds: number) {
    this.#widthSeconds = widthSeconds
  }

  add(key: CounterKey, delta: CounterDelta): void {
    const cell = this.#cell(key)
    cell.decisions += delta.decisions
    cell.rewards += delta.rewards
    if (delta.sum !== 0) cell.sum += BigInt(delta.sum)
    if (delta.sumSq !== 0) cell.sumSq += BigInt(delta.sumSq)
  }

  /** Adds a row of another table whose buckets are at most as wide as this one's. */
  addCell(other: CounterCell): void {
    const cell = this.#cell(other)
    cell.decisions += other.decisions
    cell.rewards += other.rewards
    cell.sum += other.sum
    cell.sumSq += other.sumSq
  }

  /** Rows of one experiment and metric. */
  rows(experiment: string, metric: string): CounterRow[] {
    const series = this.#series.get(seriesOf(experiment, metric))
    if (series === undefined) return []
    return [...series.values()].map((cell) => ({ ...cell, sum: Number(cell.sum), sumSq: Number(cell.sumSq) }))
  }

  *cells(): Generator<CounterCell> {
    for (const series of this.#series.values()) yield* series.values()
  }

  #cell(key: CounterKey): MutableCell {
    const name = seriesOf(key.experiment, key.metric)
    let series = this.#series.get(name)
    if (series === undefined) {
      series = new Map()
      this.#series.set(name, series)
    }
    const bucket = key.bucket - (key.bucket % this.#widthSeconds)
    const place = `${key.variant}\n${bucket}`
    let cell = series.get(place)
    if (cell === undefined) {
      cell = {
        experiment: key.experiment,
        variant: key.variant,
        metric: key.metric,
        bucket,
        widthSeconds: this.#widthSeconds,
        decisions: 0,
        rewards: 0,
        sum: 0n,
        sumSq: 0n,
      }
      series.set(place, cell)
    }
    return cell
  }
}

function seriesOf(experiment: string, metric: string): string {
  return `${experiment}\n${metric}`
}
