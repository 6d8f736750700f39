import { MICRO } from "./counters.ts"

/** How much of the past a policy remembers. */
export type Memory =
  | { readonly kind: "all" }
  | { readonly kind: "window"; readonly seconds: number }
  | { readonly kind: "discount"; readonly halfLifeSeconds: number }

/** One counter row as a store holds it: `widthSeconds` is 1 when fresh and grows when old rows are rolled up. Sums in micro-units. */
export interface CounterRow {
  readonly variant: string
  readonly bucket: number
  readonly widthSeconds: number
  readonly decisions: number
  readonly rewards: number
  readonly sum: number
  readonly sumSq: number
}

/** Which statistics a policy wants: what it remembers, and how long a decision stays open. */
export interface StatisticsQuery {
  readonly metric: string
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
  /** Everything ever counted, open or forgotten. */
  readonly totals: VariantTotals
}

/**
 * Statistics of each variant from its counter rows.
 *
 * A row is closed when its whole bucket is older than `maturationSeconds`; only closed rows enter `n`, `sum` and `sumSq`, so that early
 * rewards of decisions still open don't favour whatever gets more traffic. Age counts from the closing: memory of the last hour is the
 * last closed hour. A row on the edge of a window counts whole, by its middle. Where rewards outnumber decisions (the log had to drop
 * some), `n` is the number of rewards.
 *
 * @param rows counters of one experiment and metric, in any order and mix of widths
 * @returns one entry per variant that has a row, in the order of first appearance; sums in the reward's units
 */
export function summarise(rows: Iterable<CounterRow>, query: StatisticsQuery): VariantStatistics[] {
  const variants = new Map<string, MutableStatistics>()
  for (const row of rows) {
    let entry = variants.get(row.variant)
    if (entry === undefined) {
      entry = {
        n: 0,
        rewarded: 0,
        pending: 0,
        sum: 0,
        sumSq: 0,
        totals: { decisions: 0, rewards: 0, sum: 0, sumSq: 0 },
      }
      variants.set(row.variant, entry)
    }
    add(entry, row, query)
  }
  return [...variants].map(([variant, { n, rewarded, ...rest }]) => ({ variant, n: Math.max(n, rewarded), ...rest }))
}

interface MutableStatistics {
  n: number
  /** Decisions that earned something, weighted like `n`. Compared over all rows: a late reward may have a row of its own. */
  rewarded: number
  pending: number
  sum: number
  sumSq: number
  readonly totals: { decisions: number; rewards: number; sum: number; sumSq: number }
}

function add(entry: MutableStatistics, row: CounterRow, query: StatisticsQuery): void {
  const sum = row.sum / MICRO
  const sumSq = row.sumSq / MICRO
  entry.totals.decisions += row.decisions
  entry.totals.rewards += row.rewards
  entry.totals.sum += sum
  entry.totals.sumSq += sumSq
  const matured = query.now / 1000 - query.maturationSeconds
  if (query.maturationSeconds > 0 && row.bucket + row.widthSeconds > matured) {
    entry.pending += row.decisions
    return
  }
  const weight = weightAtAge(query.memory, Math.max(0, matured - (row.bucket + row.widthSeconds / 2)))
  entry.n += weight * row.decisions
  entry.rewarded += weight * row.rewards
  entry.sum += weight * sum
  entry.sumSq += weight * sumSq
}

function weightAtAge(memory: Memory, ageSeconds: number): number {
  if (memory.kind === "all") return 1
  if (memory.kind === "window") return ageSeconds <= memory.seconds ? 1 : 0
  return 2 ** (-ageSeconds / memory.halfLifeSeconds)
}
