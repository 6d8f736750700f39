import { decisionKey } from "../domain/counters.ts"
import type { OutcomeEvent } from "../domain/events.ts"
import type { LogEntry } from "../ports/outcome-log.ts"

/** What an event means to the counters. */
export function logEntryOf(event: OutcomeEvent): LogEntry {
  if (event.type === "decision") return { kind: "decision", key: decisionKey(event), learn: event.learn }
  if (event.type === "reward") return { kind: "reward", event }
  return { kind: "experiment" }
}
