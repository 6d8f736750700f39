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
  /** A decision counts, with its rewards, when it is older than this. 0: at once. */
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
