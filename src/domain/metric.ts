import type { Experiment } from "./experiment.ts"

/** One number that rewards report, as an experiment's document defines it. */
export interface MetricDefinition {
  readonly id: string
  /** The policy learns from the primary metric; secondary ones are counted and reported. */
  readonly role: "primary" | "secondary"
  readonly kind: "binary" | "value"
  /** Smallest and largest value accepted. */
  readonly bounds: readonly [number, number]
  readonly aggregation: "first" | "last" | "sum" | "max"
  /** Later rewards are logged, not counted. */
  readonly attributionWindowSeconds: number
}

/** Every metric of an experiment, the primary first. */
export function metricsOf(experiment: Pick<Experiment, "reward" | "metrics">): readonly MetricDefinition[] {
  const { metric, kind, bounds, aggregation, attributionWindowSeconds } = experiment.reward
  return [{ id: metric, role: "primary", kind, bounds, aggregation, attributionWindowSeconds }, ...experiment.metrics]
}

/** The longest attribution window of all metrics: tokens live twice as long. */
export function longestWindowSeconds(experiment: Pick<Experiment, "reward" | "metrics">): number {
  return Math.max(...metricsOf(experiment).map(({ attributionWindowSeconds }) => attributionWindowSeconds))
}

/** The largest magnitude that a value of the metric can have: counters keep sums in millionths of it. */
export function boundOf({ bounds: [low, high] }: Pick<MetricDefinition, "bounds">): number {
  return Math.max(Math.abs(low), Math.abs(high))
}

type Report = (path: (string | number)[], message: string) => void

/** What no schema can say of the secondary metrics: distinct names, and what suits each kind. */
export function checkMetrics(experiment: Pick<Experiment, "reward" | "metrics">, report: Report): void {
  const seen = new Set<string>([experiment.reward.metric])
  for (const [index, metric] of experiment.metrics.entries()) {
    if (seen.has(metric.id)) report(["metrics", index, "id"], "is used twice: every metric has a name of its own")
    seen.add(metric.id)
    checkKind(metric, ["metrics", index], report)
  }
}

/** What bounds and aggregation must be for the kind. */
export function checkKind(
  { kind, bounds, aggregation }: Pick<MetricDefinition, "kind" | "bounds" | "aggregation">,
  path: readonly (string | number)[],
  report: Report,
): void {
  const [low, high] = bounds
  if (low >= high) report([...path, "bounds"], "the first bound must be below the second")
  if (kind !== "binary") return
  if (low !== 0 || high !== 1) {
    report([...path, "bounds"], 'must be [0, 1] for binary rewards; use kind "value" for others')
  }
  if (aggregation === "sum") {
    report(
      [...path, "aggregation"],
      'must be first, last or max for binary rewards; use kind "value" to add rewards up',
    )
  }
}
