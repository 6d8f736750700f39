import { type Cohort, DECISIONS, SQUARE_UNITS, SUM_UNITS } from "./counters.ts"
import { entryOf } from "./entry-of.ts"

/** How much of the past a policy remembers. */
export type Memory =
  | { readonly kind: "all" }
  | { readonly kind: "window"; readonly seconds: number }
  | { readonly kind: "discount"; readonly halfLifeSeconds: number }

/**
 * One counter row as a store holds it: `widthSeconds` is 1 when fresh and grows when old rows are rolled up. `count` decisions where the
 * metric is `DECISIONS`, else rewards; sums in the units of `counters.ts`.
 */
export interface CounterRow {
  readonly cohort: Cohort
  readonly variant: string
  readonly series: number
  readonly metric: string
  readonly bucket: number
  readonly widthSeconds: number
  readonly count: number
  readonly sum: number
  readonly sumSq: number
}

/** Which statistics a policy wants: of which metric and series, what it remembers, and how long a decision stays open. */
export interface StatisticsQuery {
  readonly metric: string
  /** Largest magnitude of the metric's bounds: what sums are counted in millionths of. */
  readonly bound: number
  /** The series of each variant that is measured now. A variant that isn't named has no statistics. */
  readonly series: Readonly<Record<string, number>>
  readonly memory: Memory
  /** A decision counts, with its rewards, when it is older than this. 0: at once. Memory reaches back from here. */
  readonly maturationSeconds: number
  /** Epoch milliseconds. */
  readonly now: number
}

/** Sums in the reward's own units. */
export interface VariantTotals {
  readonly decisions: number
  readonly rewards: number
  readonly sum: number
  readonly sumSq: number
}

export interface VariantStatistics {
  readonly variant: string
  /** Matured decisions inside the memory, discounted. */
  readonly n: number
  /** Decisions still open; never discounted. */
  readonly pending: number
  readonly sum: number
  readonly sumSq: number
  /** Everything ever counted in this series, open or forgotten. */
  readonly totals: VariantTotals
  /** Drawn decisions that are left out of learning because the variant did not answer. */
  readonly excluded: number
}

/** What is known of an experiment at one moment. */
export interface Statistics {
  /** Rises whenever a counter of the experiment changes. */
  readonly stateVersion: number
  /** One entry per variant that has a row, in the order of first appearance. */
  readonly variants: readonly VariantStatistics[]
  /** Units kept on the control: by the variant that was the control. */
  readonly holdout: readonly (VariantTotals & { readonly variant: string })[]
}

/**
 * Statistics of each variant from its counter rows.
 *
 * A row is closed when its whole bucket is older than `maturationSeconds`; only closed rows enter `n`, `sum` and `sumSq`, so that early
 * rewards of decisions still open don't favour whatever gets more traffic. Age counts from the closing: memory of the last hour is the
 * last closed hour. A row on the edge of a window counts whole, by its middle. Where rewards outnumber decisions (the log had to drop
 * some), `n` is the number of rewards.
 *
 * @param rows counters of one experiment: decisions and the rewards of the query's metric, in any order and mix of widths
 */
export function summarise(rows: Iterable<CounterRow>, query: StatisticsQuery): Omit<Statistics, "stateVersion"> {
  const variants = new Map<string, MutableStatistics>()
  const holdout = new Map<string, MutableTotals>()
  for (const row of rows) {
    if (row.metric !== DECISIONS && row.metric !== query.metric) continue
    if (query.series[row.variant] !== row.series) continue
    if (row.cohort === "holdout") addTotals(entryOf(holdout, row.variant, noTotals), row, query.bound)
    else add(entryOf(variants, row.variant, noStatistics), row, query)
  }
  return {
    variants: [...variants].map(([variant, { n, rewarded, ...rest }]) => ({
      variant,
      n: Math.max(n, rewarded),
      ...rest,
    })),
    holdout: [...holdout].map(([variant, totals]) => ({ variant, ...totals })),
  }
}

type MutableTotals = { -readonly [Field in keyof VariantTotals]: VariantTotals[Field] }

interface MutableStatistics {
  n: number
  /** Decisions that earned something, weighted like `n`. Compared over all rows: a late reward may have a row of its own. */
  rewarded: number
  pending: number
  sum: number
  sumSq: number
  excluded: number
  readonly totals: MutableTotals
}

function noTotals(): MutableTotals {
  return { decisions: 0, rewards: 0, sum: 0, sumSq: 0 }
}

function noStatistics(): MutableStatistics {
  return { n: 0, rewarded: 0, pending: 0, sum: 0, sumSq: 0, excluded: 0, totals: noTotals() }
}

function addTotals(totals: MutableTotals, row: CounterRow, bound: number): void {
  if (row.metric === DECISIONS) totals.decisions += row.count
  else {
    totals.rewards += row.count
    totals.sum += (row.sum / SUM_UNITS) * bound
    totals.sumSq += (row.sumSq / SQUARE_UNITS) * bound * bound
  }
}

function add(entry: MutableStatistics, row: CounterRow, query: StatisticsQuery): void {
  const isDecisions = row.metric === DECISIONS
  if (row.cohort === "excluded") {
    if (isDecisions) entry.excluded += row.count
    return
  }
  addTotals(entry.totals, row, query.bound)
  const matured = query.now / 1000 - query.maturationSeconds
  if (query.maturationSeconds > 0 && row.bucket + row.widthSeconds > matured) {
    if (isDecisions) entry.pending += row.count
    return
  }
  const weight = weightAtAge(query.memory, Math.max(0, matured - (row.bucket + row.widthSeconds / 2)))
  if (isDecisions) entry.n += weight * row.count
  else {
    entry.rewarded += weight * row.count
    entry.sum += weight * (row.sum / SUM_UNITS) * query.bound
    entry.sumSq += weight * (row.sumSq / SQUARE_UNITS) * query.bound * query.bound
  }
}

function weightAtAge(memory: Memory, ageSeconds: number): number {
  if (memory.kind === "all") return 1
  if (memory.kind === "window") return ageSeconds <= memory.seconds ? 1 : 0
  return 2 ** (-ageSeconds / memory.halfLifeSeconds)
}
