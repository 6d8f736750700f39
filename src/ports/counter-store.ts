import type { StatisticsQuery, VariantStatistics } from "../domain/statistics.ts"
import type { FoldBatch } from "./outcome-log.ts"

/** What a reward did: `applied` changed (or created) the credit of its decision, `duplicate` was there before. */
export type RewardAnswer = "applied" | "duplicate"

/** A decision and metric, the key under which rewards have one effect. */
export interface CreditKey {
  readonly decisionId: string
  readonly metric: string
  readonly eventId: string
  readonly aggregation: "first" | "last" | "sum" | "max"
}

/**
 * Counters and the deduplication record: a fold of the outcome log.
 *
 * `fold` is atomic (counters, credits and position together) and idempotent by position: a batch whose end is not after the stored position
 * changes nothing. Callers fold in log order, one at a time. `late` and not learned rewards are deduplicated but leave counters alone.
 */
export interface CounterStore {
  /**
   * @returns one answer per reward of the batch, in order
   * @throws GatewayError `store_unavailable`, retryable: nothing of the batch was written
   */
  fold(batch: FoldBatch): Promise<readonly RewardAnswer[]>
  /** Which of these postbacks would be duplicates, in order, without changing anything. */
  seen(keys: readonly CreditKey[]): Promise<readonly boolean[]>
  /** Statistics of every variant that has any, and a number that rises whenever a counter of the experiment changes. */
  statistics(
    experiment: string,
    query: StatisticsQuery,
  ): Promise<{ readonly stateVersion: number; readonly variants: readonly VariantStatistics[] }>
  close(): Promise<void>
}
