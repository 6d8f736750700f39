import { assignmentKey, unitInterval } from "../../domain/assignment.ts"
import { SUM_UNITS } from "../../domain/counters.ts"
import { type Credit, creditStep, creditValue } from "../../domain/credits.ts"
import { entryOf } from "../../domain/entry-of.ts"
import { GatewayError } from "../../domain/errors.ts"
import { longestWindow } from "../../domain/evaluation/logged-documents.ts"
import { UNIT_BUCKETS } from "../../domain/evaluation/weighted-sums.ts"
import type { AuditEvent, DecisionEvent, OutcomeEvent, RewardEvent } from "../../domain/events.ts"
import type { Arrival, EvaluationLog, EvaluationQuery, LogSummary, RowBatch } from "../../ports/evaluation-log.ts"

const COIN = assignmentKey("evaluation", "coin")
const BUCKET = assignmentKey("evaluation", "bucket")

type AboutExperiment = Exclude<OutcomeEvent, AuditEvent>

/** A log of events in memory: what every other log's rows must equal, and what simulated logs are evaluated with. */
export function createMemoryEvaluationLog(events: Iterable<OutcomeEvent>): EvaluationLog {
  return {
    prepare: async (query) => {
      const own = [...events].filter(
        (event): event is AboutExperiment => event.type !== "audit" && event.experiment === query.experiment,
      )
      const { summary, rows } = prepare(own, query)
      return {
        summary,
        rows: async function* () {
          yield rows
        },
        close: async () => {},
      }
    },
  }
}

function prepare(events: readonly AboutExperiment[], query: EvaluationQuery): { summary: LogSummary; rows: RowBatch } {
  const decisions = decisionsOf(events)
  const drawn = decisions.filter(({ reason }) => reason === "policy" || reason === "burn_in")
  const newest = drawn.at(-1)
  if (newest === undefined)
    throw new GatewayError("config_invalid", { detail: `the log has no drawn decision of ${query.experiment}` })
  const metric = query.metric ?? newest.metric
  const rewards = rewardsOf(events, metric)
  const documents = documentsOf(events)
  const documented = longestWindow(metric, documents)
  const windowSeconds = query.windowSeconds ?? documented
  const last = rewards.at(-1)
  if (last === undefined && documented === undefined)
    throw new GatewayError("config_invalid", { detail: `the log has no reward of metric '${metric}' in time` })
  const end = Math.max(...events.map(({ at }) => Date.parse(at)))
  const asked = firstOf(drawn).filter(({ at }) => isWithin(Date.parse(at), query))
  const kept = asked.filter(({ at }) => windowSeconds === undefined || Date.parse(at) <= end - windowSeconds * 1000)
  const variants = [...new Set(kept.flatMap(({ allocation }) => Object.keys(allocation)))].sort()
  const allocations = numbered(kept.map(({ allocation }) => JSON.stringify(allocation)))
  const segments = numbered(kept.map((decision) => featureOf(decision, query.segmentBy)))
  const cells = numbered(
    kept.map((decision) => query.modelFeatures.map((name) => featureOf(decision, name)).join("\n")),
  )
  const sticky = drawn.filter(({ stickiness }) => stickiness === "unit").length
  const stickiness = sticky === 0 ? "request" : sticky === drawn.length ? "unit" : "mixed"
  const byDecision = Map.groupBy(rewards, ({ decisionId }) => decisionId as string)
  return {
    summary: {
      metric,
      aggregation: last?.aggregation ?? "first",
      bound: Math.max(...rewards.map(({ bound }) => bound), last === undefined ? 1 : 0),
      leastReward: Math.min(0, ...rewards.map(({ value }) => value)),
      stickiness,
      decisions: drawn.length,
      rows: kept.length,
      undrawn: {
        forced: count(decisions, "forced"),
        holdout: count(decisions, "holdout"),
        paused: count(decisions, "paused"),
      },
      young: asked.length - kept.length,
      windowSeconds,
      begin: Date.parse(kept[0]?.at ?? ""),
      end,
      startLost: stickiness !== "request" && Math.min(...events.map(({ revision }) => revision)) > 1,
      variants,
      allocations: allocations.values.map(({ value, rows }) => {
        const allocation = JSON.parse(value ?? "{}") as Readonly<Record<string, number>>
        return {
          probabilities: Float64Array.from(variants, (variant) => allocation[variant] ?? 0),
          names: variants.map((variant) => allocation[variant] !== undefined),
          rows,
        }
      }),
      segments: segments.values.map(({ value }) => value),
      documents,
    },
    rows: {
      count: kept.length,
      at: kept.map(({ at }) => Date.parse(at)),
      variant: kept.map(({ variant }) => variants.indexOf(variant)),
      allocation: allocations.numbers,
      reward: kept.map(({ decisionId }) => worthOf(byDecision.get(decisionId) ?? [])),
      bucket: kept.map(({ unit }) => Math.floor(UNIT_BUCKETS * unitInterval(unit, BUCKET))),
      revision: kept.map(({ revision }) => revision),
      series: kept.map(({ series }) => series),
      coin: kept.map(({ decisionId }) => unitInterval(decisionId, COIN)),
      segment: segments.numbers,
      cell: cells.numbers,
      arrivals: kept.map(({ decisionId }) => (query.arrivals ? arrivalsOf(byDecision.get(decisionId) ?? []) : [])),
      decisionId: query.whole === true ? kept.map(({ decisionId }) => decisionId) : [],
      features:
        query.whole === true ? kept.map(({ features }) => (features === null ? null : JSON.stringify(features))) : [],
    },
  }
}

function decisionsOf(events: readonly AboutExperiment[]): DecisionEvent[] {
  const decisions = new Map<string, DecisionEvent>()
  for (const event of events) if (event.type === "decision") entryOf(decisions, event.decisionId, () => event)
  return [...decisions.values()].sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
}

/** Those of a metric that came in time, by time. What is not learned from counts too. */
function rewardsOf(events: readonly AboutExperiment[], metric: string): RewardEvent[] {
  return events
    .flatMap((event) => {
      const counts = event.type === "reward" && event.metric === metric && event.status === "applied"
      return counts ? [{ ...event, learn: true }] : []
    })
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || (a.eventId < b.eventId ? -1 : 1))
}

function documentsOf(events: readonly AboutExperiment[]): LogSummary["documents"] {
  const documents = new Map<number, unknown>()
  for (const event of events) {
    if (event.type === "experiment" && event.document !== null) documents.set(event.revision, event.document)
  }
  return [...documents].sort(([a], [b]) => a - b).map(([revision, document]) => ({ revision, document }))
}

/** A unit's first decision where units stick, every decision where requests are drawn. */
function firstOf(drawn: readonly DecisionEvent[]): DecisionEvent[] {
  const owners = new Set<string>()
  return drawn.filter(({ stickiness, unit, decisionId }) => {
    const owner = stickiness === "unit" ? `u${unit}` : `d${decisionId}`
    const first = !owners.has(owner)
    owners.add(owner)
    return first
  })
}

function isWithin(at: number, { from, to }: EvaluationQuery): boolean {
  return at >= (from ?? at) && at < (to ?? Number.POSITIVE_INFINITY)
}

function featureOf({ features }: DecisionEvent, name: string | undefined): string | null {
  if (name === undefined || typeof features !== "object" || features === null) return null
  const value = (features as Readonly<Record<string, unknown>>)[name]
  if (value === undefined || value === null) return null
  return typeof value === "string" ? value : JSON.stringify(value)
}

/** Values by number, the most frequent first. */
function numbered<Value extends string | null>(values: readonly Value[]) {
  const counts = new Map<Value, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  const sorted = [...counts].sort(([, a], [, b]) => b - a)
  const places = new Map(sorted.map(([value], place) => [value, place]))
  return {
    values: sorted.map(([value, rows]) => ({ value, rows })),
    numbers: values.map((value) => places.get(value) ?? 0),
  }
}

function worthOf(rewards: readonly RewardEvent[]): number {
  const [first] = rewards
  if (first === undefined) return 0
  const credit = rewards.reduce<Credit>((known, reward) => creditStep(known, reward).credit, [])
  return ((creditValue(credit, first.aggregation) ?? 0) / SUM_UNITS) * first.bound
}

/** Each event id once. */
function arrivalsOf(rewards: readonly RewardEvent[]): Arrival[] {
  const known = new Set<string>()
  return rewards.flatMap(({ eventId, at, value }) => {
    if (known.has(eventId)) return []
    known.add(eventId)
    return [{ at: Date.parse(at), value }]
  })
}

function count(decisions: readonly DecisionEvent[], reason: DecisionEvent["reason"]): number {
  return decisions.filter((decision) => decision.reason === reason).length
}
