import { type Cohort, DECISIONS, SQUARE_UNITS, SUM_UNITS } from "./counters.ts"
import { type DelayCounter, parseDelayMetric } from "./delay-counters.ts"
import { type Arrived, type DelayRow, estimateDelays } from "./delay-distribution.ts"
import { entryOf } from "./entry-of.ts"

/** How much of the past a policy remembers. */
export type Memory =
  | { readonly kind: "all" }
  | { readonly kind: "window"; readonly seconds: number }
  | { readonly kind: "discount"; readonly halfLifeSeconds: number }

/**
 * When a decision counts, with its rewards. `none`: at once. `window`: when its attribution window of `seconds` has closed. `expected`: at once, and
 * until then for the share of its variant's rewards that should have come at its age.
 */
export type Maturation = { readonly kind: "none" } | { readonly kind: "window" | "expected"; readonly seconds: number }

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

/** Which statistics a policy wants: of which metric and series, what it remembers, and when a decision counts. */
export interface StatisticsQuery {
  readonly metric: string
  /** Largest magnitude of the metric's bounds: what sums are counted in millionths of. */
  readonly bound: number
  /** The series of each variant that is measured now. A variant that isn't named has no statistics. */
  readonly series: Readonly<Record<string, number>>
  readonly memory: Memory
  readonly maturation: Maturation
  /** Epoch seconds since when a variant is enabled. One that isn't named has been since its series began. */
  readonly enabledSince?: Readonly<Record<string, number>>
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
  /** Decisions that count, inside the memory and discounted. */
  readonly n: number
  /** Decisions that don't count yet, and of others the part that doesn't; never discounted. */
  readonly pending: number
  /** Decisions since the variant was enabled, whatever the memory; under `window` only closed ones. */
  readonly lifetime: number
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
  /** Logs of which something is missing in counters that were lost; undefined where they are whole. */
  readonly partial?: readonly string[]
  /** One entry per variant that has a row, in the order of first appearance. */
  readonly variants: readonly VariantStatistics[]
  /** Units kept on the control: by the variant that was the control. */
  readonly holdout: readonly (VariantTotals & { readonly variant: string })[]
}

/** Whether counters of this name are among what the query's statistics are made of. */
export function isAsked(metric: string, query: Pick<StatisticsQuery, "metric" | "maturation">): boolean {
  return metric === DECISIONS || metric === query.metric || askedDelay(metric, query) !== undefined
}

/** The delay that counters of this name are of, where the query learns by it. */
function askedDelay(name: string, query: Pick<StatisticsQuery, "metric" | "maturation">): DelayCounter | undefined {
  const { metric, maturation } = query
  if (maturation.kind !== "expected") return undefined
  const delay = parseDelayMetric(name)
  return delay?.metric === metric && delay.windowSeconds === maturation.seconds ? delay : undefined
}

/**
 * Statistics of each variant from its counter rows.
 *
 * Under `window` a row is closed when its whole bucket is older than the window; only closed rows enter `n`, `sum` and `sumSq`, so that early
 * rewards of decisions still open don't favour whatever gets more traffic. Age counts from the closing: memory of the last hour is the
 * last closed hour. Under `expected` all rewards count, and of an open row's decisions the share whose rewards should have come: where all
 * have, that is `none`. A row on the edge of a memory's window counts whole, by its middle. Where rewards outnumber decisions (the log had to
 * drop some, or fewer were expected), `n` is the number of rewards.
 *
 * @param rows counters of one experiment: those that are asked for, in any order and mix of widths
 */
export function summarise(rows: Iterable<CounterRow>, query: StatisticsQuery): Omit<Statistics, "stateVersion"> {
  const variants = new Map<string, MutableStatistics>()
  const holdout = new Map<string, MutableTotals>()
  const { asked, arrived } = prepare(rows, query)
  for (const row of asked) {
    if (row.metric !== DECISIONS && row.metric !== query.metric) continue
    if (query.series[row.variant] !== row.series) continue
    if (row.cohort === "holdout") addTotals(entryOf(holdout, row.variant, noTotals), row, query.bound)
    else add(entryOf(variants, row.variant, noStatistics), row, query, arrived)
  }
  return {
    variants: Array.from(variants, ([variant, { n, rewarded, pending, lifetime, sum, sumSq, totals, excluded }]) => {
      return { variant, n: Math.max(n, rewarded), pending, lifetime, sum, sumSq, totals, excluded }
    }),
    holdout: [...holdout].map(([variant, totals]) => ({ variant, ...totals })),
  }
}

/** Under `expected` the rows are gone through twice: how rewards arrive has to be known first. */
function prepare(
  rows: Iterable<CounterRow>,
  query: StatisticsQuery,
): { readonly asked: Iterable<CounterRow>; readonly arrived: (variant: string) => Arrived } {
  const { maturation, now } = query
  if (maturation.kind !== "expected") return { asked: rows, arrived: () => () => 1 }
  const asked = [...rows]
  const delays = asked.flatMap((row): DelayRow[] => {
    if (row.cohort !== "learned" || query.series[row.variant] !== row.series) return []
    const delay = askedDelay(row.metric, query)
    return delay === undefined ? [] : [{ ...row, bin: delay.bin }]
  })
  return { asked, arrived: estimateDelays(delays, maturation.seconds, now / 1000) }
}

type MutableTotals = { -readonly [Field in keyof VariantTotals]: VariantTotals[Field] }

interface MutableStatistics {
  n: number
  /** Decisions that earned something, weighted like `n`. Compared over all rows: a late reward may have a row of its own. */
  rewarded: number
  pending: number
  lifetime: number
  sum: number
  sumSq: number
  excluded: number
  readonly totals: MutableTotals
}

function noTotals(): MutableTotals {
  return { decisions: 0, rewards: 0, sum: 0, sumSq: 0 }
}

function noStatistics(): MutableStatistics {
  return { n: 0, rewarded: 0, pending: 0, lifetime: 0, sum: 0, sumSq: 0, excluded: 0, totals: noTotals() }
}

function addTotals(totals: MutableTotals, row: CounterRow, bound: number): void {
  if (row.metric === DECISIONS) totals.decisions += row.count
  else {
    totals.rewards += row.count
    totals.sum += (row.sum / SUM_UNITS) * bound
    totals.sumSq += (row.sumSq / SQUARE_UNITS) * bound * bound
  }
}

function add(
  entry: MutableStatistics,
  row: CounterRow,
  query: StatisticsQuery,
  arrived: (variant: string) => Arrived,
): void {
  const isDecisions = row.metric === DECISIONS
  if (row.cohort === "excluded") {
    if (isDecisions) entry.excluded += row.count
    return
  }
  addTotals(entry.totals, row, query.bound)
  const { maturation } = query
  const end = row.bucket + row.widthSeconds
  const counting = query.now / 1000 - (maturation.kind === "window" ? maturation.seconds : 0)
  if (maturation.kind === "window" && end > counting) {
    if (isDecisions) entry.pending += row.count
    return
  }
  const age = Math.max(0, counting - (row.bucket + row.widthSeconds / 2))
  const weight = weightAtAge(query.memory, age)
  if (isDecisions) {
    const share = maturation.kind === "expected" && age < maturation.seconds ? arrived(row.variant)(age) : 1
    entry.n += weight * row.count * share
    entry.pending += row.count * (1 - share)
    if (end > (query.enabledSince?.[row.variant] ?? 0)) entry.lifetime += row.count
  } else {
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
