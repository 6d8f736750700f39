import { NANOS } from "./counters.ts"
import type { AuditEvent, DecisionEvent, OutcomeEvent, RewardEvent } from "./events.ts"
import { readJson } from "./json-text.ts"
import { MAX_REWARD } from "./metric.ts"
import { UNIT_GROUPS } from "./unit.ts"

/** Longest line of the outcome log, bytes. Longer runs without a line feed are damage, not events. */
export const MAX_LINE_BYTES = 8 << 20

/** Every event begins so (`OutcomeEvent`), and ends with a brace: what doesn't is no whole line. */
export const EVENT_BEGIN = '{"v":1,'

/**
 * Reads one line of the outcome log.
 *
 * Checks what the fold depends on and no more: the log was written by a gateway, and may have been damaged since.
 *
 * @param line JSON without its line feed
 * @returns undefined for a line that isn't a whole event of version 1; never throws
 */
export function parseOutcomeLine(line: string): OutcomeEvent | undefined {
  const value = readJson(line)
  if (!isRecord(value) || value["v"] !== 1) return undefined
  if (isAudit(value)) return value
  if (!isName(value["experiment"])) return undefined
  if (isDecision(value) || isReward(value) || isExperiment(value)) return value
  return undefined
}

type Fields = Readonly<Record<string, unknown>>

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function isDecision(value: Fields): value is Fields & DecisionEvent {
  return (
    value["type"] === "decision" &&
    isOutcome(value) &&
    isName(value["metric"]) &&
    isName(value["unit"]) &&
    isTime(value["at"]) &&
    isReason(value["reason"]) &&
    isRecordOf(value["allocation"], isProbability) &&
    (value["seriesByVariant"] === undefined || isRecordOf(value["seriesByVariant"], isOrdinal)) &&
    (value["error"] === null || typeof value["error"] === "string") &&
    (value["asked"] === undefined || (Array.isArray(value["asked"]) && value["asked"].every(isAsked)))
  )
}

function isAsked(value: unknown): boolean {
  return (
    isRecord(value) &&
    isName(value["variant"]) &&
    typeof value["ms"] === "number" &&
    (value["status"] === undefined || Number.isInteger(value["status"])) &&
    (value["error"] === undefined || typeof value["error"] === "string")
  )
}

function isReward(value: Fields): value is Fields & RewardEvent {
  return (
    value["type"] === "reward" &&
    isOutcome(value) &&
    isName(value["eventId"]) &&
    isName(value["decisionId"]) &&
    isName(value["metric"]) &&
    isTime(value["at"]) &&
    isTime(value["decidedAt"]) &&
    isTime(value["expiresAt"]) &&
    isWithin(value["value"], value["bound"]) &&
    (value["status"] === "applied" || value["status"] === "late") &&
    isAggregation(value["aggregation"]) &&
    (value["delayWindowSeconds"] === undefined || isOrdinal(value["delayWindowSeconds"])) &&
    typeof value["holdout"] === "boolean"
  )
}

/** What decisions and rewards have in common. */
function isOutcome(value: Fields): boolean {
  return (
    isName(value["variant"]) &&
    isOrdinal(value["series"]) &&
    isOrdinal(value["epoch"]) &&
    isGroup(value["group"]) &&
    (value["stickiness"] === "unit" || value["stickiness"] === "request") &&
    isProbability(value["propensity"]) &&
    // Sums are weighted by its inverse.
    value["propensity"] * NANOS >= 0.5 &&
    typeof value["learn"] === "boolean"
  )
}

function isLineage(value: unknown): boolean {
  return (
    isRecord(value) &&
    isRecordOf(value["series"], isOrdinal) &&
    isOrdinal(value["epoch"]) &&
    isRecordOf(value["metrics"], isRecord) &&
    (value["enabledSince"] === undefined || isRecordOf(value["enabledSince"], isSecond))
  )
}

function isExperiment(value: Fields): value is Fields & OutcomeEvent {
  return (
    value["type"] === "experiment" &&
    typeof value["revision"] === "number" &&
    typeof value["actor"] === "string" &&
    (value["source"] === "folder" || value["source"] === "api") &&
    Array.isArray(value["diff"]) &&
    isRecord(value["models"]) &&
    isLineage(value["lineage"]) &&
    (value["reason"] === undefined || typeof value["reason"] === "string") &&
    (value["held"] === undefined || isHeld(value["held"])) &&
    value["document"] !== undefined
  )
}

function isAudit(value: Fields): value is Fields & AuditEvent {
  return (
    value["type"] === "audit" &&
    isName(value["eventId"]) &&
    isTime(value["at"]) &&
    isName(value["chain"]) &&
    isOrdinal(value["seq"]) &&
    typeof value["hash"] === "string" &&
    /^[0-9a-f]{64}$/.test(value["hash"])
  )
}

function isAggregation(value: unknown): boolean {
  return value === "first" || value === "last" || value === "sum" || value === "max"
}

function isHeld(value: unknown): boolean {
  return value === "draft" || value === "running" || value === "paused"
}

function isReason(value: unknown): boolean {
  return value === "policy" || value === "burn_in" || value === "holdout" || value === "forced" || value === "paused"
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value.length > 0
}

/** A time after 1970: counters are kept by seconds since. */
function isTime(value: unknown): boolean {
  return typeof value === "string" && Date.parse(value) >= 0
}

/** Epoch seconds. */
function isSecond(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

/** A number that counts from 1. */
function isOrdinal(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 1
}

function isGroup(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < UNIT_GROUPS
}

function isProbability(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1
}

function isWithin(value: unknown, bound: unknown): boolean {
  return (
    typeof value === "number" &&
    typeof bound === "number" &&
    bound > 0 &&
    bound <= MAX_REWARD &&
    Math.abs(value) <= bound
  )
}

function isRecordOf(value: unknown, check: (entry: unknown) => boolean): boolean {
  return isRecord(value) && Object.values(value).every(check)
}
