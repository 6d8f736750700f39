import { CounterFold } from "../../domain/counter-fold.ts"
import { CounterTable } from "../../domain/counter-table.ts"
import { AGE_PARTS } from "../../domain/counters.ts"
import type { CounterAddition } from "../../domain/decision-facts.ts"
import { DELAY_WINDOWS_KEPT } from "../../domain/delay-counters.ts"
import type { RewardEvent } from "../../domain/events.ts"
import type { Experiment } from "../../domain/experiment.ts"
import { type CounterRow, type StatisticsQuery, summarise, type VariantStatistics } from "../../domain/statistics.ts"
import { resolutionOf } from "../reallocate.ts"
import { type Scenario, secondOf } from "./simulation-scenario.ts"

/** Rows are merged when there are twice as many as after the last time, and so many more. */
const FEW_ROWS = 16

/**
 * The counters of a simulated experiment: the fold that every store's counters must equal, and rewards on their way to it.
 *
 * Buckets are as wide as a batch, or wider where memory and maturation allow: one for everything where all decisions count alike. Rows that
 * the policy can't tell apart any more are merged, so that a long run is not slower than a short one. Decisions leave no group rows and no
 * units: no policy reads them.
 */
export class SimulatedCounters {
  readonly #experiment: Experiment
  readonly #batch: number
  readonly #widthSeconds: number
  readonly #fold: CounterFold
  /** Rewards by the batch in which they come. */
  readonly #coming = new Map<number, RewardEvent[]>()
  #mergedFrom = FEW_ROWS

  constructor(experiment: Experiment, scenario: Scenario) {
    this.#experiment = experiment
    this.#batch = scenario.batch
    this.#widthSeconds = bucketSeconds(experiment, scenario)
    this.#fold = new CounterFold(this.#widthSeconds)
  }

  count(additions: readonly CounterAddition[]): void {
    for (const addition of additions) this.#fold.addCounter(addition)
  }

  /** Takes a reward that comes at a second of this batch or a later one. */
  expect(event: RewardEvent, second: number): void {
    const batch = Math.floor(second / this.#batch)
    const coming = this.#coming.get(batch)
    if (coming === undefined) this.#coming.set(batch, [event])
    else coming.push(event)
  }

  /** Whether a reward comes in the batch that begins at this second. */
  isExpecting(start: number): boolean {
    return this.#coming.has(start / this.#batch)
  }

  /** Folds the rewards that come in the batch that begins at this second. */
  receive(start: number): void {
    const batch = start / this.#batch
    for (const event of this.#coming.get(batch) ?? []) this.#fold.addReward(event)
    this.#coming.delete(batch)
  }

  /** Statistics of everything that has been counted, by variant. */
  statistics(query: StatisticsQuery): readonly VariantStatistics[] {
    return summarise(this.#rows(query), query).variants
  }

  /** What statistics would be of these additions alone. */
  statisticsOf(additions: readonly CounterAddition[], query: StatisticsQuery): readonly VariantStatistics[] {
    const table = new CounterTable(this.#widthSeconds)
    for (const { key, delta } of additions) table.add(key, delta)
    return summarise(table.rows(this.#experiment.id), query).variants
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

function bucketSeconds(experiment: Experiment, scenario: Scenario): number {
  const { T, batch, segments } = scenario
  const { memorySeconds = Number.POSITIVE_INFINITY, maturationSeconds } = resolutionOf(experiment)
  const finest =
    Math.min(memorySeconds, maturationSeconds > 0 ? maturationSeconds : Number.POSITIVE_INFINITY) / AGE_PARTS
  if (Number.isFinite(finest)) return batch * Math.max(1, Math.floor(finest / batch))
  const toldApart = experiment.reward.maturation !== "none" || segments.some(([, rates]) => rates.includes(null))
  return toldApart ? batch : Math.floor(secondOf(scenario, T - 1)) + 1
}

/** Statistics are sums over decisions: those of some, and of so many more like one other. */
export function withMore(some: VariantStatistics, one: VariantStatistics, count: number): VariantStatistics {
  return {
    variant: some.variant,
    n: some.n + count * one.n,
    pending: some.pending + count * one.pending,
    lifetime: some.lifetime + count * one.lifetime,
    sum: some.sum,
    sumSq: some.sumSq,
    totals: { ...some.totals, decisions: some.totals.decisions + count * one.totals.decisions },
    excluded: some.excluded,
  }
}
