import { MAX_REWARD } from "./counters.ts"
import type { DecisionEvent, OutcomeEvent, RewardEvent } from "./events.ts"

/**
 * Reads one line of the outcome log.
 *
 * Checks what the fold depends on and no more: the log was written by a gateway, and may have been damaged since.
 *
 * @param line JSON without its line feed
 * @returns undefined for a line that isn't a whole event of version 1; never throws
 */
export function parseOutcomeLine(line: string): OutcomeEvent | undefined {
  const value = parseJson(line)
  if (!isRecord(value) || value["v"] !== 1 || !isName(value["experiment"])) return undefined
  if (isDecision(value) || isReward(value) || isExperiment(value)) return value
  return undefined
}

type Fields = Readonly<Record<string, unknown>>

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function isDecision(value: Fields): value is Fields & DecisionEvent {
  return (
    value["type"] === "decision" &&
    isName(value["variant"]) &&
    isName(value["metric"]) &&
    isTime(value["at"]) &&
    typeof value["learn"] === "boolean"
  )
}

function isReward(value: Fields): value is Fields & RewardEvent {
  return (
    value["type"] === "reward" &&
    isName(value["eventId"]) &&
    isName(value["decisionId"]) &&
    isName(value["variant"]) &&
    isName(value["metric"]) &&
    isTime(value["decidedAt"]) &&
    typeof value["value"] === "number" &&
    Math.abs(value["value"]) <= MAX_REWARD &&
    (value["status"] === "applied" || value["status"] === "late") &&
    isAggregation(value["aggregation"]) &&
    typeof value["learn"] === "boolean"
  )
}

function isExperiment(value: Fields): value is Fields & OutcomeEvent {
  return value["type"] === "experiment" && typeof value["revision"] === "number"
}

function isAggregation(value: unknown): boolean {
  return value === "first" || value === "last" || value === "sum" || value === "max"
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value.length > 0
}

function isTime(value: unknown): boolean {
  return typeof value === "string" && Number.isFinite(Date.parse(value))
}
