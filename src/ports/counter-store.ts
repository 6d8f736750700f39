import type { Resolution } from "../domain/bucket-widths.ts"
import type { Postback } from "../domain/credits.ts"
import type { CounterAddition, GroupAddition } from "../domain/decision-facts.ts"
import type { RewardEvent } from "../domain/events.ts"
import type { GroupRow } from "../domain/group-rows.ts"
import type { LogId, LogPosition } from "../domain/log-position.ts"
import type { CounterRow, Statistics, StatisticsQuery } from "../domain/statistics.ts"
import type { UnitSketch } from "../domain/unit-sketch.ts"

export type { Resolution }

/** What a reward did: `applied` changed (or created) the credit of its decision, `duplicate` was there before, or can't be told from one that was. */
export type RewardAnswer = "applied" | "duplicate"

/** A decision and metric, the key under which rewards have one effect, and the postback asked about. */
export interface CreditKey extends Postback {
  readonly experiment: string
  readonly decisionId: string
  /** When the decision was made, ISO 8601. */
  readonly decidedAt: string
  readonly metric: string
}

/** A part of one log that concerns one experiment, folded into the counters in one transaction with its end position. */
export interface FoldBatch {
  readonly experiment: string
  readonly log: LogId
  /** Where the last batch of this experiment and log ended; undefined: it is the first. */
  readonly from: LogPosition | undefined
  readonly end: LogPosition
  readonly counters: readonly CounterAddition[]
  readonly groups: readonly GroupAddition[]
  readonly sketches: readonly SketchAddition[]
  /** In log order. */
  readonly rewards: readonly RewardEvent[]
}

/** Units that a variant's decisions of one day had. */
export interface SketchAddition {
  readonly variant: string
  readonly series: number
  /** Start of the day (UTC), epoch seconds. */
  readonly day: number
  readonly sketch: UnitSketch
}

export type FoldAnswer =
  /** One answer per reward of the batch, in order. */
  | { readonly status: "folded"; readonly answers: readonly RewardAnswer[] }
  /** Nothing was changed: the store stands at `position`, to fold from there. */
  | { readonly status: "elsewhere"; readonly position: LogPosition | undefined }
  /** Nothing was changed: the log was away for so long that credits may have gone. It needs a new id; its tail enters by `rebuild` only. */
  | { readonly status: "lapsed" }

/** Group rows and sketches of an experiment, for statistics that go by unit. */
export interface GroupStatistics {
  readonly rows: readonly GroupRow[]
  readonly sketches: readonly SketchAddition[]
}

/**
 * Counters and the deduplication record: a fold of outcome logs, of any number of gateways.
 *
 * `fold` is atomic (counters, credits and the position of that log move together). A batch that begins elsewhere than where the store stands
 * changes nothing; one whose end is where the store stands was folded before, and its answers are given again. Callers fold one log in its
 * order; different logs and experiments in any.
 *
 * What a store adds up depends on the set of lines folded, never on their order (`creditStep`).
 */
export interface CounterStore {
  /** @throws GatewayError `store_unavailable`, retryable: all of the batch was written or nothing */
  fold(batch: FoldBatch): Promise<FoldAnswer>
  /** Which of these postbacks would be duplicates, in order, without changing anything. */
  seen(keys: readonly CreditKey[]): Promise<readonly boolean[]>
  /** Statistics of every variant that has any, and a number that rises whenever a counter of the experiment changes. */
  statistics(experiment: string, query: StatisticsQuery): Promise<Statistics>
  groups(experiment: string): Promise<GroupStatistics>
  /** Counters of calls to its variants, all series and cohorts, those of the last two weeks at least. Read for people: not kept at hand. */
  calls(experiment: string): Promise<readonly CounterRow[]>
  /** Says how fine an experiment's counters have to stay. Kept across restarts. */
  keep(experiment: string, resolution: Resolution): Promise<void>
  /**
   * Registers a log, and says up to when (epoch milliseconds) all of it is folded. Credits of tokens that are dead go once every registered
   * log is folded past their death.
   *
   * @returns whether the log has lapsed: it was silent for more than a week
   */
  alive(log: LogId, foldedTo: number): Promise<{ readonly lapsed: boolean }>
  /**
   * Settles once what was folded of an experiment until now is on the disk of the store, where that may be later than the answer of its fold. Absent:
   * it is no later.
   *
   * @throws GatewayError `store_unavailable`: it isn't yet
   */
  synced?(experiment: string): Promise<void>
  close(): Promise<void>
}
