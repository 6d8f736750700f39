import type { CounterDelta, CounterKey } from "./counters.ts"
import type { GroupAddition } from "./decision-facts.ts"
import { entryOf } from "./entry-of.ts"
import type { GroupRow } from "./group-rows.ts"
import type { CounterRow } from "./statistics.ts"

/** A counter of one bucket. Sums as big integers, because those of many large rewards pass 2^53. */
export interface CounterCell extends CounterKey {
  readonly widthSeconds: number
  readonly count: number
  readonly sum: bigint
  readonly sumSq: bigint
}

type Mutable<T> = { -readonly [Field in keyof T]: T[Field] }

/** A counter and, until it changes, the row that was read of it. */
interface Kept {
  readonly cell: Mutable<CounterCell>
  row: CounterRow | undefined
}

/** Counters in memory, with buckets of one width. Exact, whatever the order of additions. */
export class CounterTable {
  readonly #widthSeconds: number
  readonly #experiments = new Map<string, Map<string, Kept>>()

  constructor(widthSeconds: number) {
    this.#widthSeconds = widthSeconds
  }

  add(key: CounterKey, delta: CounterDelta): void {
    const cell = this.#cell(key)
    cell.count += delta.count
    if (delta.sum !== 0) cell.sum += BigInt(delta.sum)
    if (delta.sumSq !== 0) cell.sumSq += BigInt(delta.sumSq)
  }

  /** Adds a row of another table whose buckets are at most as wide as this one's. */
  addCell(other: CounterCell): void {
    addTo(this.#cell(other), other)
  }

  /** Makes one row of those of a counter that lie between two seconds: for whoever can't tell them apart any more, and reads them often. */
  merge(experiment: string, from: number, to: number): void {
    const kept = this.#experiments.get(experiment) ?? new Map<string, Kept>()
    const merged = new Map<string, Kept>()
    for (const [name, entry] of kept) {
      const { cohort, variant, series, metric, bucket, widthSeconds } = entry.cell
      if (bucket < from || bucket + widthSeconds > to) continue
      const first = entryOf(merged, `${cohort}\n${variant}\n${series}\n${metric}`, () => entry)
      if (first === entry) continue
      addTo(first.cell, entry.cell)
      first.cell.widthSeconds = Math.max(first.cell.widthSeconds, bucket + widthSeconds - first.cell.bucket)
      first.row = undefined
      kept.delete(name)
    }
  }

  /** Rows of one experiment, as plain numbers. */
  rows(experiment: string): CounterRow[] {
    const rows: CounterRow[] = []
    for (const entry of this.#experiments.get(experiment)?.values() ?? []) {
      entry.row ??= rowOf(entry.cell)
      rows.push(entry.row)
    }
    return rows
  }

  *cells(): Generator<CounterCell> {
    for (const kept of this.#experiments.values()) for (const { cell } of kept.values()) yield cell
  }

  /** The counter of a key, to be changed. */
  #cell({ experiment, cohort, variant, series, metric, bucket: second }: CounterKey): Mutable<CounterCell> {
    const kept = entryOf(this.#experiments, experiment, () => new Map<string, Kept>())
    const widthSeconds = this.#widthSeconds
    const bucket = second - (second % widthSeconds)
    const entry = entryOf(kept, `${cohort}\n${variant}\n${series}\n${metric}\n${bucket}`, () => ({
      cell: { experiment, cohort, variant, series, metric, bucket, widthSeconds, count: 0, sum: 0n, sumSq: 0n },
      row: undefined,
    }))
    entry.row = undefined
    return entry.cell
  }
}

/** Field by field: copies of a cell whose big integers turn into numbers are slow to read. */
function rowOf(cell: CounterCell): CounterRow & { readonly experiment: string } {
  const { experiment, cohort, variant, series, metric, bucket, widthSeconds, count } = cell
  const [sum, sumSq] = [Number(cell.sum), Number(cell.sumSq)]
  return { experiment, cohort, variant, series, metric, bucket, widthSeconds, count, sum, sumSq }
}

function addTo(cell: Mutable<CounterCell>, { count, sum, sumSq }: CounterCell): void {
  cell.count += count
  cell.sum += sum
  cell.sumSq += sumSq
}

/** Group rows in memory, by hour. */
export class GroupTable {
  readonly #experiments = new Map<string, Map<string, Mutable<GroupRow>>>()

  add({ key, delta }: GroupAddition): void {
    this.addRow(key.experiment, {
      ...key,
      widthSeconds: 3_600,
      count: delta.count,
      sum: BigInt(delta.sum),
      sumSq: BigInt(delta.sumSq),
      weighted: BigInt(delta.weighted),
      allocated: BigInt(delta.allocated),
    })
  }

  addRow(experiment: string, row: GroupRow): void {
    const rows = entryOf(this.#experiments, experiment, () => new Map<string, Mutable<GroupRow>>())
    const { variant, series, metric, epoch, hour, group, widthSeconds } = row
    const name = `${variant}\n${series}\n${metric}\n${epoch}\n${hour}\n${group}`
    const known = rows.get(name)
    if (known === undefined) {
      const { count, sum, sumSq, weighted, allocated } = row
      rows.set(name, {
        variant,
        series,
        metric,
        epoch,
        hour,
        group,
        widthSeconds,
        count,
        sum,
        sumSq,
        weighted,
        allocated,
      })
      return
    }
    known.count += row.count
    known.sum += row.sum
    known.sumSq += row.sumSq
    known.weighted += row.weighted
    known.allocated += row.allocated
  }

  rows(experiment: string): GroupRow[] {
    return [...(this.#experiments.get(experiment)?.values() ?? [])].map((row) => ({ ...row }))
  }

  *all(): Generator<GroupRow & { readonly experiment: string }> {
    for (const [experiment, rows] of this.#experiments) {
      for (const row of rows.values()) yield { experiment, ...row }
    }
  }
}
