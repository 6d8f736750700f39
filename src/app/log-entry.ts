import { type DecisionFacts, DecisionReader } from "../domain/decision-facts.ts"
import type { ExperimentEvent, OutcomeEvent, RewardEvent } from "../domain/events.ts"
import type { RewardAnswer } from "../ports/counter-store.ts"

/** Lines carry the time at which they were taken, at most this long before they are appended. Milliseconds. */
export const APPEND_WITHIN_MS = 5_000

/** What a logged line means to the counters. */
export type LogEntry =
  | { readonly kind: "decision"; readonly facts: DecisionFacts }
  | RewardEntry
  | { readonly kind: "experiment"; readonly event: ExperimentEvent }
  | { readonly kind: "audit" }

export interface RewardEntry {
  readonly kind: "reward"
  readonly event: RewardEvent
  /** Told what the reward did, once it has been folded. Of several answers the first counts. */
  answered?(answer: RewardAnswer): void
  /** Told that nobody will say what it did: it is counted from the log. */
  settle?(): void
}

/** Makes entries of logged events, as they were when they were logged. */
export function createEntryReader(): (event: OutcomeEvent) => LogEntry {
  const decisions = new DecisionReader()
  return (event) => {
    if (event.type === "decision") return { kind: "decision", facts: decisions.facts(event) }
    if (event.type === "reward") return { kind: "reward", event }
    if (event.type === "audit") return { kind: "audit" }
    return { kind: "experiment", event }
  }
}

/** The experiment whose counters an entry changes, undefined where it changes none. */
export function experimentOf(entry: LogEntry): string | undefined {
  if (entry.kind === "decision") return entry.facts.choice === undefined ? undefined : entry.facts.experiment
  return entry.kind === "reward" ? entry.event.experiment : undefined
}
