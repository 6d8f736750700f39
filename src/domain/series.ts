import { policyChoice } from "#policies/policy-document.ts"
import { findPolicy } from "#policies/registry.ts"
import type { Experiment } from "./experiment.ts"
import { type MetricDefinition, metricsOf } from "./metric.ts"

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

/**
 * The lineage of the next document of an experiment.
 *
 * A variant's series rises when its backend changes, when any metric that was there before means something else now, when it comes back after
 * having left, and when it is reset. The epoch rises when variants, their weights or whether they are enabled, the status, the stickiness, the
 * holdout, the kind of policy or the parameters of one that doesn't learn (a canary's share) change. What only a policy's own parameters change moves the allocation within
 * an epoch, as learning does. A variant that is enabled again in its series begins its burn-in anew.
 *
 * @param at epoch milliseconds at which it is published
 * @param previous `experiment` is null where it was removed, or its document can't be read any more: every series and the epoch rise
 * @param reset variants whose statistics start anew although their documents say nothing of it: somebody asked, or a model's files changed
 */
export function nextLineage(
  previous: { readonly experiment: Experiment | null; readonly lineage: Lineage },
  next: Experiment,
  at: number,
  reset: ReadonlySet<string> = new Set(),
): Lineage {
  const { experiment, lineage } = previous
  const metrics = Object.fromEntries(metricsOf(next).map((metric) => [metric.id, metric]))
  const redefined = Object.values(metrics).some((metric) => {
    const known = lineage.metrics[metric.id]
    return known !== undefined && !same(measured(known), measured(metric))
  })
  const backends = new Map(experiment?.variants.map(({ id, backend }) => [String(id), backend]))
  const series = next.variants.map(({ id, backend }) => {
    const last = lineage.series[id] ?? 0
    const rises = last === 0 || redefined || reset.has(id) || !same(backends.get(id), backend)
    return [id, Math.min(MAX_SERIES, rises ? last + 1 : last)] as const
  })
  const before = new Map(experiment?.variants.map(({ id, enabled }) => [String(id), enabled]))
  const enabledSince = next.variants.flatMap(({ id, enabled }, i): (readonly [string, number])[] => {
    if (series[i]?.[1] !== lineage.series[id]) return []
    const since = enabled && before.get(id) === false ? Math.floor(at / 1000) : lineage.enabledSince?.[id]
    return since === undefined ? [] : [[id, since]]
  })
  return {
    series: { ...lineage.series, ...Object.fromEntries(series) },
    ...(enabledSince.length === 0 ? {} : { enabledSince: Object.fromEntries(enabledSince) }),
    epoch: lineage.epoch + (experiment !== null && same(division(experiment), division(next)) ? 0 : 1),
    metrics: { ...lineage.metrics, ...metrics },
  }
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
