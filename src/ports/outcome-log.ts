import type { CounterDelta, CounterKey } from "../domain/counters.ts"
import type { RewardEvent } from "../domain/events.ts"
import type { LogPosition } from "../domain/log-position.ts"

/** What an appended line means to the counters. */
export type LogEntry =
  | { readonly kind: "decision"; readonly key: CounterKey; readonly learn: boolean }
  | { readonly kind: "reward"; readonly event: RewardEvent }
  | { readonly kind: "experiment" }

export type { LogPosition }

/** Lines that reached the log together, in log order, and the position right after them. */
export interface AppendedBatch {
  readonly entries: readonly LogEntry[]
  readonly end: LogPosition
}

/**
 * The outcome log: append-only, the truth that counters are a fold of.
 *
 * Lines of one event-loop turn are appended by one write. A line is either appended whole or not at all: a write that fails part-way is cut
 * off again before the next.
 */
export interface OutcomeLog {
  /**
   * Appends one line (JSON, without the line feed).
   *
   * @returns settles when the line has reached the operating system: true when it did, false when it was dropped (disk full, backlog
   *          full) or, for a decision only, when it waits longer than the adapter's bound and may still be written later. The adapter
   *          counts both. Never rejects: a decision is answered either way.
   */
  append(line: string, entry: LogEntry): Promise<boolean>
  /**
   * Makes everything appended so far durable (fsync, shared by all callers that wait).
   *
   * @throws GatewayError `log_unavailable`, retryable, when the device refuses
   */
  sync(): Promise<void>
  /** Called in log order for each batch that has been written. One listener. */
  onAppended(listener: (batch: AppendedBatch) => void): void
  /** Flushes, syncs and closes. */
  close(): Promise<void>
}

/** A part of the log folded into the counters in one transaction with its end position. */
export interface FoldBatch {
  readonly decisions: readonly { readonly key: CounterKey; readonly delta: CounterDelta }[]
  readonly rewards: readonly RewardEvent[]
  readonly end: LogPosition
}
