import { CounterFold } from "../domain/counter-fold.ts"
import { CounterTable } from "../domain/counter-table.ts"
import type { CounterAddition } from "../domain/decision-facts.ts"
import { DELAY_WINDOWS_KEPT } from "../domain/delay-counters.ts"
import type { RewardEvent } from "../domain/events.ts"
import type { Experiment } from "../domain/experiment.ts"
import { type CounterRow, type StatisticsQuery, summarise, type VariantStatistics } from "../domain/statistics.ts"
import { resolutionOf } from "./reallocate.ts"

/** Buckets are at most this part of the memory's length and of the maturation, as the stores' are. */
const PARTS = 60
/** Rows are merged when there are twice as many as after the last time, and so many more. */
const FEW_ROWS = 16

/**
 * The counters of a simulated experiment: the fold that every store's counters must equal, and rewards on their way to it.
 *
 * Buckets are as wide as a batch, or wider where memory and maturation allow. Rows that the policy can't tell apart any more are merged, so that a
 * long run is not slower than a short one. Decisions leave no group rows and no units: no policy reads them.
 */
export class SimulatedCounters {
  readonly #experiment: Experiment
  readonly #batch: number
  readonly #widthSeconds: number
  readonly #fold: CounterFold
  /** Rewards by the batch in which they come. */
  readonly #coming = new Map<number, RewardEvent[]>()
  /** Statistics of the fold for the query of this batch; undefined while it is being changed. */
  #folded: readonly VariantStatistics[] | undefined
  /** Decisions since then. */
  #recent: CounterTable
  #mergedFrom = FEW_ROWS

  /** @param batch decisions, and so seconds, from one batch to the next */
  constructor(experiment: Experiment, batch: number) {
    this.#experiment = experiment
    this.#batch = batch
    this.#widthSeconds = bucketSeconds(experiment, batch)
    this.#fold = new CounterFold(this.#widthSeconds)
    this.#recent = new CounterTable(this.#widthSeconds)
  }

  /** What decisions of the present batch add. */
  count(additions: readonly CounterAddition[]): void {
    const table = this.#folded === undefined ? this.#fold.table : this.#recent
    for (const { key, delta } of additions) table.add(key, delta)
  }

  /** Takes a reward that comes at a second of this batch or a later one. */
  expect(event: RewardEvent, second: number): void {
    const batch = Math.floor(second / this.#batch)
    const coming = this.#coming.get(batch)
    if (coming === undefined) this.#coming.set(batch, [event])
    else coming.push(event)
  }

  /** Folds the rewards that come in the batch that begins at this second. */
  receive(start: number): void {
    const batch = start / this.#batch
    for (const event of this.#coming.get(batch) ?? []) this.#fold.addReward(event)
    this.#coming.delete(batch)
  }

  /** Lets the next query be another one than the last. */
  settle(): void {
    if (this.#folded === undefined) return
    this.#folded = undefined
    let moved = false
    for (const cell of this.#recent.cells()) {
      this.#fold.table.addCell(cell)
      moved = true
    }
    if (moved) this.#recent = new CounterTable(this.#widthSeconds)
  }

  /** @param query the same as last time, unless `settle` was called since */
  statistics(query: StatisticsQuery): readonly VariantStatistics[] {
    if (this.#folded !== undefined) {
      return sumOf(this.#folded, summarise(this.#recent.rows(this.#experiment.id), query).variants)
    }
    this.#folded = summarise(this.#rows(query), query).variants
    return this.#folded
  }

  #rows({ now, enabledSince = {} }: StatisticsQuery): CounterRow[] {
    const { table } = this.#fold
    const { id } = this.#experiment
    const rows = table.rows(id)
    if (rows.length < this.#mergedFrom) return rows
    const { maturationSeconds, forgottenAfterSeconds = 0 } = resolutionOf(this.#experiment)
    const closed = now / 1000 - forgottenAfterSeconds - windowsKept(this.#experiment) * maturationSeconds
    // What a variant did before it was enabled is told apart from what it did since.
    const edges = [...new Set(Object.values(enabledSince))].filter((since) => since < closed).sort((a, b) => a - b)
    for (const [index, edge] of [...edges, closed].entries()) table.merge(id, edges[index - 1] ?? 0, edge)
    const merged = table.rows(id)
    this.#mergedFrom = 2 * merged.length + FEW_ROWS
    return merged
  }
}

/** For how many attribution windows rows of different ages are told apart. */
function windowsKept({ reward }: Experiment): number {
  return reward.maturation === "expected" ? DELAY_WINDOWS_KEPT : 1
}

function bucketSeconds(experiment: Experiment, batch: number): number {
  const { memorySeconds = Number.POSITIVE_INFINITY, maturationSeconds } = resolutionOf(experiment)
  const finest = Math.min(memorySeconds, maturationSeconds > 0 ? maturationSeconds : Number.POSITIVE_INFINITY) / PARTS
  return Number.isFinite(finest) ? batch * Math.max(1, Math.floor(finest / batch)) : batch
}

/** Statistics of two sets of decisions under the same query are those of both, added. */
function sumOf(some: readonly VariantStatistics[], more: readonly VariantStatistics[]): readonly VariantStatistics[] {
  const others = some.filter(({ variant }) => !more.some((entry) => entry.variant === variant))
  return [
    ...others,
    ...more.map((entry) => {
      const known = some.find(({ variant }) => variant === entry.variant)
      if (known === undefined) return entry
      return {
        variant: entry.variant,
        n: known.n + entry.n,
        pending: known.pending + entry.pending,
        lifetime: known.lifetime + entry.lifetime,
        sum: known.sum + entry.sum,
        sumSq: known.sumSq + entry.sumSq,
        excluded: known.excluded + entry.excluded,
        totals: {
          decisions: known.totals.decisions + entry.totals.decisions,
          rewards: known.totals.rewards + entry.totals.rewards,
          sum: known.totals.sum + entry.totals.sum,
          sumSq: known.totals.sumSq + entry.totals.sumSq,
        },
      }
    }),
  ]
}
