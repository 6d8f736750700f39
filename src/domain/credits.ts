import { SUM_UNITS, toUnits } from "./counters.ts"
import type { Aggregation, RewardEvent } from "./events.ts"

/** Most postbacks that one decision takes for one metric, so that no decision grows without bound: of more, the earliest stay. */
export const MAX_POSTBACKS = 1_000

/** One postback of a credit. `value` is in `SUM_UNITS`; null: remembered so that its retry is a duplicate, but it adds nothing. */
export interface CreditEntry {
  readonly eventId: string
  /** Epoch milliseconds at which it was taken. */
  readonly at: number
  readonly value: number | null
}

/**
 * What the rewards of one decision and metric add up to. A function of the set of rewards, never of the order in which they arrive: gateways
 * that fold the same rewards in any order hold the same credit.
 *
 * Of one event id one entry stands: one that counts before one that doesn't, then the earliest, then the least value. Entries are ordered
 * by (counts, at, eventId), at most `MAX_POSTBACKS`; under `first` only the one that decides is kept, by (at, value).
 */
export type Credit = readonly CreditEntry[]

/** What of a reward a credit depends on. */
export type Postback = Pick<
  RewardEvent,
  "eventId" | "at" | "value" | "bound" | "aggregation" | "status" | "learn" | "holdout"
>

/** What one reward did. `answer` may depend on what arrived before; `before` and `after`, what the counters hold for the decision, don't. */
export interface CreditStep {
  readonly answer: "applied" | "duplicate"
  readonly credit: Credit
  /** In `SUM_UNITS`; undefined while nothing counts. */
  readonly before: number | undefined
  readonly after: number | undefined
  /** Epoch milliseconds of its earliest reward that isn't zero; undefined while it is worth nothing. */
  readonly arrivedBefore: number | undefined
  readonly arrivedAfter: number | undefined
}

/**
 * Adds one reward to the credit of its decision and metric.
 *
 * Under `first` the earliest reward counts, but a reward of zero gives way to one that isn't zero: "nothing yet" is no outcome.
 *
 * @param previous what was held so far; empty or undefined for the first reward
 */
export function creditStep(previous: Credit | undefined, reward: Postback): CreditStep {
  const { aggregation } = reward
  const known = previous ?? []
  const entry = entryOf(reward)
  const credit = aggregation === "first" ? [deciding(known[0], entry)] : withEntry(known, entry)
  const before = creditValue(known, aggregation)
  const after = creditValue(credit, aggregation)
  return {
    answer: isKnown(known, entry, aggregation) ? "duplicate" : "applied",
    credit,
    before,
    after,
    arrivedBefore: arrivalOf(known, before),
    arrivedAfter: arrivalOf(credit, after),
  }
}

/** Entries that count stand by time. @param worth the credit's value */
function arrivalOf(credit: Credit, worth: number | undefined): number | undefined {
  if (worth === undefined || worth === 0) return undefined
  return credit.find(({ value }) => value !== null && value !== 0)?.at
}

/** Whether a postback would be answered `duplicate`. */
export function isDuplicate(credit: Credit | undefined, postback: Postback): boolean {
  return credit !== undefined && isKnown(credit, entryOf(postback), postback.aggregation)
}

/** What a credit is worth in `SUM_UNITS`, within ± the metric's largest bound; undefined where nothing counts. */
export function creditValue(credit: Credit, aggregation: Aggregation): number | undefined {
  const values = credit.flatMap(({ value }) => (value === null ? [] : [value]))
  const [first, ...rest] = values
  if (first === undefined) return undefined
  if (aggregation === "first") return first
  if (aggregation === "last") return rest.at(-1) ?? first
  if (aggregation === "max") return rest.reduce((most, value) => Math.max(most, value), first)
  const sum = rest.reduce((total, value) => total + value, first)
  return Math.max(-SUM_UNITS, Math.min(SUM_UNITS, sum))
}

function entryOf(reward: Postback): CreditEntry {
  const counts = reward.status === "applied" && (reward.learn || reward.holdout)
  return {
    eventId: reward.eventId,
    at: Date.parse(reward.at),
    value: counts ? toUnits(reward.value, reward.bound) : null,
  }
}

function isKnown(known: Credit, entry: CreditEntry, aggregation: Aggregation): boolean {
  if (aggregation === "first") {
    const [decides] = known
    return decides !== undefined && rank(decides) <= rank(entry)
  }
  const same = known.find(({ eventId }) => eventId === entry.eventId)
  if (same !== undefined) return same.value !== null || entry.value === null
  return known.length >= MAX_POSTBACKS
}

/** Under `first`: a reward, then a zero, then one that doesn't count. */
function rank({ value }: CreditEntry): number {
  if (value === null) return 2
  return value === 0 ? 1 : 0
}

function deciding(known: CreditEntry | undefined, entry: CreditEntry): CreditEntry {
  if (known === undefined) return entry
  return (rank(known) - rank(entry) || compareFirst(known, entry)) <= 0 ? known : entry
}

/** By (counts, at, value, eventId), so that what counts of a credit under `first` doesn't depend on ids. */
function compareFirst(a: CreditEntry, b: CreditEntry): number {
  if ((a.value === null) !== (b.value === null)) return a.value === null ? 1 : -1
  return a.at - b.at || (a.value ?? 0) - (b.value ?? 0) || compare(a, b)
}

/** By (counts, at, eventId, value). Those that don't count come last, so that they are the first to go. */
function compare(a: CreditEntry, b: CreditEntry): number {
  if ((a.value === null) !== (b.value === null)) return a.value === null ? 1 : -1
  if (a.at !== b.at) return a.at - b.at
  if (a.eventId !== b.eventId) return a.eventId < b.eventId ? -1 : 1
  return (a.value ?? 0) - (b.value ?? 0)
}

function withEntry(known: Credit, entry: CreditEntry): Credit {
  const same = known.findIndex(({ eventId }) => eventId === entry.eventId)
  if (same < 0) return insert(known, entry).slice(0, MAX_POSTBACKS)
  return compare(known[same] as CreditEntry, entry) <= 0 ? known : insert(known.toSpliced(same, 1), entry)
}

function insert(sorted: Credit, entry: CreditEntry): Credit {
  const place = sorted.findIndex((other) => compare(entry, other) < 0)
  return place < 0 ? [...sorted, entry] : sorted.toSpliced(place, 0, entry)
}
