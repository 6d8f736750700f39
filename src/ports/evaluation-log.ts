import type { LoggedDocument } from "../domain/evaluation/logged-documents.ts"
import type { Aggregation } from "../domain/events.ts"

/** What is to be evaluated of an outcome log. */
export interface EvaluationQuery {
  readonly experiment: string
  /** Absent: what the newest decision learned from. */
  readonly metric?: string | undefined
  /** Rows are those decided from here on, epoch milliseconds; a unit's first decision before it leaves the unit out. Absent: all. */
  readonly from?: number | undefined
  /** Rows are those decided before; their rewards count whenever they came in time. */
  readonly to?: number | undefined
  /** How long a row's rewards may take, seconds; absent: as long as the log's experiment lines say. */
  readonly windowSeconds?: number | undefined
  /** A logged feature whose values are the rows' segments. */
  readonly segmentBy?: string | undefined
  /** Logged features whose combinations are the outcome model's cells. */
  readonly modelFeatures: readonly string[]
  /** Whether rewards are wanted one by one, with their times: for policies that learn. */
  readonly arrivals: boolean
  /** Whether decision ids and all logged features are wanted: for exports. Absent: they aren't. */
  readonly whole?: boolean | undefined
}

/** What is known of the rows before they are read. */
export interface LogSummary {
  readonly metric: string
  readonly aggregation: Aggregation
  /** Largest magnitude of a reward that the metric allows. */
  readonly bound: number
  /** Smallest value that a row came to. */
  readonly leastReward: number
  readonly stickiness: "unit" | "request" | "mixed"
  /** Drawn decisions, each once. */
  readonly decisions: number
  /** Rows: units where they stick, decisions where requests are drawn. */
  readonly rows: number
  /** Decisions that are no rows because nothing was drawn. */
  readonly undrawn: Readonly<Record<"forced" | "holdout" | "paused", number>>
  /** Drawn decisions that were left out because their attribution window was open when the log ended. */
  readonly young: number
  /** How long rewards may take: as was asked for, or the longest attribution window of the metric in the log; undefined where it has none. */
  readonly windowSeconds: number | undefined
  /** Epoch milliseconds of the first row and of the experiment's last event. */
  readonly begin: number
  readonly end: number
  /** Whether the first files of a numbered log, or the first revisions of the experiment, are missing. */
  readonly startLost: boolean
  /** Every variant that was ever in an allocation, sorted. */
  readonly variants: readonly string[]
  /** The allocations that rows were drawn from, each once. */
  readonly allocations: readonly LoggedAllocation[]
  /** By `RowBatch.segment`; null for rows without the feature. */
  readonly segments: readonly (string | null)[]
  /** The experiment's documents, oldest first. */
  readonly documents: readonly LoggedDocument[]
}

/** What rows were drawn from. */
export interface LoggedAllocation {
  /** By the summary's variants; 0 for one that it lacks. */
  readonly probabilities: Float64Array
  /** Which variants it names, those with probability 0 too. */
  readonly names: readonly boolean[]
  /** How many rows were drawn from it. */
  readonly rows: number
}

/** Some rows, column by column. */
export interface RowBatch {
  readonly count: number
  /** Of the decision, epoch milliseconds; never falls. */
  readonly at: readonly number[]
  /** Index into the summary's variants. */
  readonly variant: readonly number[]
  /** Index into the summary's allocations. */
  readonly allocation: readonly number[]
  /** What the decision's rewards added up to; 0 where none came. */
  readonly reward: readonly number[]
  /** Of the unit, 0 to 4095. */
  readonly bucket: readonly number[]
  readonly revision: readonly number[]
  /** Of the served variant; empty where no arrivals were asked for, as the two that go with it. */
  readonly series: readonly number[]
  /** A number in [0, 1) that depends on the decision's id alone. */
  readonly coin: readonly number[]
  readonly segment: readonly number[]
  /** Of the outcome model. */
  readonly cell: readonly number[]
  /** Rewards in the order in which they came, epoch milliseconds and values. */
  readonly arrivals: readonly (readonly Arrival[])[]
  /** Empty where whole rows were not asked for, as the features. */
  readonly decisionId: readonly string[]
  /** As JSON texts; null where nothing was logged. */
  readonly features: readonly (string | null)[]
}

/** One reward of a decision. */
export interface Arrival {
  readonly at: number
  readonly value: number
}

/** A log whose rows are ready to be read. */
export interface PreparedLog {
  readonly summary: LogSummary
  /** In the order of their decisions. May be read several times, one after another. */
  readonly rows: () => AsyncIterable<RowBatch>
  /** Removes what was kept on disk. */
  readonly close: () => Promise<void>
}

/** Outcome logs as rows: every decision once, joined with its rewards. */
export interface EvaluationLog {
  /**
   * @param progress told a share in [0, 1] now and then
   * @throws GatewayError `config_invalid` where the log has nothing of the experiment or metric, `log_unavailable` where it can't be read
   */
  prepare(query: EvaluationQuery, progress: (share: number) => void): Promise<PreparedLog>
}
