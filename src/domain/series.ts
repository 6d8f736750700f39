import { policyChoice } from "#policies/policy-document.ts"
import { findPolicy } from "#policies/registry.ts"
import type { Experiment } from "./experiment.ts"
import { boundOf, type MetricDefinition, metricsOf } from "./metric.ts"

/**
 * What an experiment's statistics are filed under. JSON, kept beside each revision.
 *
 * `series` by variant id, from 1: rises when what a variant's statistics measure changes, so that old ones stay readable and are not mixed in.
 * Variants that left keep their number, and come back with a higher one. `epoch` from 1: rises when the traffic is divided otherwise by
 * decision of a person, so that rates are compared within times of one division. `metrics` is what each metric last meant, those that left
 * included. `enabledSince`, epoch seconds, of variants that were enabled later than their series began.
 */
export interface Lineage {
  readonly series: Readonly<Record<string, number>>
  readonly epoch: number
  readonly metrics: Readonly<Record<string, MetricDefinition>>
  readonly enabledSince?: Readonly<Record<string, number>>
}

/** Of a revision from before there were any: everything is still in its first epoch, and every variant begins with the next document. */
export const NO_LINEAGE: Lineage = { series: {}, epoch: 1, metrics: {} }

/** The highest series: a token has room for six digits. */
export const MAX_SERIES = 999_999

/** The lineage of an experiment that is published for the first time. */
export function firstLineage(experiment: Experiment): Lineage {
  return {
    series: Object.fromEntries(experiment.variants.map(({ id }) => [id, 1])),
    epoch: 1,
    metrics: Object.fromEntries(metricsOf(experiment).map((metric) => [metric.id, metric])),
  }
}

/** Why a variant's statistics go on or begin anew. */
export type SeriesReason =
  | "kept"
  | "kept_on_request"
  | "new_variant"
  | "came_back"
  | "backend_changed"
  | "model_replaced"
  | "metric_changed"
  | "reset"

/** What a document does to the statistics of one of its variants. `before` is 0 for a variant that there never was. */
export interface SeriesStep {
  readonly variant: string
  readonly before: number
  readonly after: number
  readonly why: SeriesReason
}

/** What the documents themselves don't say of their variants. */
export interface SeriesWishes {
  /** Variants whose statistics somebody wants to begin anew. */
  readonly reset?: ReadonlySet<string>
  /** Variants whose statistics somebody wants to go on, whatever changed. */
  readonly keep?: ReadonlySet<string>
  /** Variants whose model's files were replaced under the same name. */
  readonly replaced?: ReadonlySet<string>
}

/** An experiment before a change. `experiment` is null where it was removed, or its document can't be read any more. */
export interface PreviousRevision {
  readonly experiment: Experiment | null
  readonly lineage: Lineage
}

/**
 * What the next document does to each variant's series.
 *
 * One rises when the variant's backend changes, when any metric that was there before means something else now, when the policy learns from
 * another metric that was never counted, or from the same by other rules, when the variant comes back after having left, and when it is
 * reset. A variant that is kept stays in its series in spite of all that.
 */
export function seriesSteps(previous: PreviousRevision, next: Experiment, wishes: SeriesWishes = {}): SeriesStep[] {
  const { experiment, lineage } = previous
  const redefined = isRedefined(previous, next)
  const backends = new Map(experiment?.variants.map(({ id, backend }) => [String(id), backend]))
  return next.variants.map(({ id, backend }) => {
    const before = lineage.series[id] ?? 0
    const why = ((): SeriesReason => {
      if (before === 0) return "new_variant"
      if (wishes.reset?.has(id)) return "reset"
      if (!backends.has(id)) return "came_back"
      if (!same(backends.get(id), backend)) return "backend_changed"
      if (wishes.replaced?.has(id)) return "model_replaced"
      return redefined ? "metric_changed" : "kept"
    })()
    const keeps = why === "kept" || (wishes.keep?.has(id) === true && why !== "new_variant" && why !== "reset")
    if (keeps) return { variant: id, before, after: before, why: why === "kept" ? why : "kept_on_request" }
    return { variant: id, before, after: Math.min(MAX_SERIES, before + 1), why }
  })
}

/**
 * The lineage of the next document of an experiment: series as `seriesSteps` says, and its epoch.
 *
 * The epoch rises when variants, their weights or whether they are enabled, the status, the stickiness, the
 * holdout, the kind of policy or the parameters of one that doesn't learn (a canary's share) change. What only a policy's own parameters change moves the allocation within
 * an epoch, as learning does. A variant that is enabled again in its series begins its burn-in anew.
 *
 * @param at epoch milliseconds at which it is published
 */
export function nextLineage(
  previous: PreviousRevision,
  next: Experiment,
  at: number,
  wishes: SeriesWishes = {},
): Lineage {
  const { experiment, lineage } = previous
  const steps = seriesSteps(previous, next, wishes)
  const metrics = Object.fromEntries(metricsOf(next).map((metric) => [metric.id, metric]))
  const before = new Map(experiment?.variants.map(({ id, enabled }) => [String(id), enabled]))
  const enabledSince = next.variants.flatMap(({ id, enabled }, i): (readonly [string, number])[] => {
    if (steps[i]?.after !== lineage.series[id]) return []
    const since = enabled && before.get(id) === false ? Math.floor(at / 1000) : lineage.enabledSince?.[id]
    return since === undefined ? [] : [[id, since]]
  })
  return {
    series: { ...lineage.series, ...Object.fromEntries(steps.map(({ variant, after }) => [variant, after])) },
    ...(enabledSince.length === 0 ? {} : { enabledSince: Object.fromEntries(enabledSince) }),
    epoch: lineage.epoch + (experiment !== null && same(division(experiment), division(next)) ? 0 : 1),
    metrics: { ...lineage.metrics, ...metrics },
  }
}

/** Metrics whose largest value is another one now: what was added up in units of it can't go on under the new one. */
export function rescaledMetrics({ lineage }: Pick<PreviousRevision, "lineage">, next: Experiment): string[] {
  return metricsOf(next).flatMap((metric) => {
    const known = lineage.metrics[metric.id]
    return known === undefined || boundOf(known) === boundOf(metric) ? [] : [metric.id]
  })
}

function isRedefined({ experiment, lineage }: PreviousRevision, next: Experiment): boolean {
  const redefined = metricsOf(next).some((metric) => {
    const known = lineage.metrics[metric.id]
    return known !== undefined && !same(measured(known), measured(metric))
  })
  if (redefined || experiment === null) return redefined
  const { metric, maturation, failures } = next.reward
  const { reward } = experiment
  if (reward.metric !== metric) return lineage.metrics[metric] === undefined
  return reward.maturation !== maturation || reward.failures !== failures
}

/** What makes a reward of a metric another number, or another share of decisions: its role is not part of that. */
function measured({ kind, bounds, aggregation, attributionWindowSeconds }: MetricDefinition): unknown {
  return [kind, bounds, aggregation, attributionWindowSeconds]
}

/** How a document divides the traffic, as far as a person says it. */
function division({ variants, status, stickiness, holdout, holdoutSalt, policy }: Experiment): unknown {
  return [
    variants.map(({ id, weight, enabled }) => [id, weight, enabled]),
    status,
    stickiness,
    [holdout, holdout > 0 ? (holdoutSalt ?? null) : null],
    findPolicy(policy.kind).learns === false ? [policy.kind, policyChoice(policy).params] : [policy.kind],
  ]
}

/** Whether two parts of documents say the same, whatever the order of their fields. */
function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
