import type { Experiment } from "./experiment.ts"
import { longestWindowSeconds, type MetricDefinition, metricsOf } from "./metric.ts"
import { TOKEN_WINDOWS } from "./token.ts"

/** What rewards of one revision's decisions mean, for as long as its tokens live: later edits of the document change nothing about them. */
export interface RevisionDefinition {
  readonly revision: number
  readonly epoch: number
  readonly stickiness: "unit" | "request"
  /** Id of the metric that a reward without one is for. */
  readonly primary: string
  /** Whether counters keep the primary metric's rewards by their delay. */
  readonly keepsDelays: boolean
  readonly metrics: ReadonlyMap<string, MetricDefinition>
  /** Epoch milliseconds at which the next revision, or the experiment's removal, was published; undefined while it is the newest. */
  readonly supersededAt: number | undefined
  /** How long its tokens live, milliseconds. */
  readonly tokenLifeMs: number
}

/** By revision. */
export type Definitions = ReadonlyMap<number, RevisionDefinition>

/**
 * How much longer than its tokens' life a superseded revision is kept: other gateways may still decide by it, by clocks that are an hour ahead.
 */
const KEPT_AFTER_MS = 24 * 3_600_000

export function definitionOf(experiment: Experiment, revision: number, epoch: number): RevisionDefinition {
  return {
    revision,
    epoch,
    stickiness: experiment.stickiness,
    primary: experiment.reward.metric,
    keepsDelays: experiment.reward.maturation === "expected",
    metrics: new Map(metricsOf(experiment).map((metric) => [metric.id, metric])),
    supersededAt: undefined,
    tokenLifeMs: TOKEN_WINDOWS * longestWindowSeconds(experiment) * 1000,
  }
}

/** The definitions after a revision was published at `now` (epoch milliseconds), without those whose tokens have all died. */
export function withRevision(known: Definitions, next: RevisionDefinition, now: number): Definitions {
  const before = [...known.values()].at(-1)
  // An experiment that is edited a thousand times has few metrics: told to other threads, what is the same is sent once.
  const metrics = before !== undefined && sameMetrics(before, next) ? before.metrics : next.metrics
  return new Map([...superseded(known, next.revision, now), [next.revision, { ...next, metrics }]])
}

function sameMetrics(a: RevisionDefinition, b: RevisionDefinition): boolean {
  return JSON.stringify([...a.metrics]) === JSON.stringify([...b.metrics])
}

/** One revision of an experiment as it was published; `experiment` is null where it was removed. */
export interface PublishedRevision {
  readonly revision: number
  readonly experiment: Experiment | null
  readonly epoch: number
  /** Epoch milliseconds. */
  readonly at: number
}

/**
 * The definitions of an experiment's history: what a gateway that starts needs to take rewards of decisions made before.
 *
 * @param history its revisions, ascending
 * @param now epoch milliseconds; revisions whose tokens have all died are left out
 */
export function definitionsFrom(history: readonly PublishedRevision[], now: number): Definitions {
  let known: Definitions = new Map()
  for (const { revision, experiment, epoch, at } of history) {
    known =
      experiment === null
        ? superseded(known, revision, at)
        : withRevision(known, definitionOf(experiment, revision, epoch), at)
  }
  const newest = history.at(-1)
  return newest === undefined ? known : superseded(known, newest.revision, now)
}

function superseded(known: Definitions, by: number, now: number): Definitions {
  const kept = [...known.values()]
    .map((one) => (one.supersededAt === undefined && one.revision < by ? { ...one, supersededAt: now } : one))
    .filter((one) => one.supersededAt === undefined || now <= one.supersededAt + one.tokenLifeMs + KEPT_AFTER_MS)
  return new Map(kept.map((one) => [one.revision, one]))
}
