/** Largest magnitude of a reward. */
export const MAX_REWARD = 10_000

/** Built-in metric: 1 for a decision that its variant did not answer. Its name is reserved. */
export const ERROR_METRIC = "error"

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

/** The part of an experiment's document that defines its metrics. */
export interface Measured {
  readonly reward: Omit<MetricDefinition, "id" | "role"> & { readonly metric: string }
  readonly metrics: readonly MetricDefinition[]
}

/** Every metric of an experiment, the primary first. */
export function metricsOf(experiment: Measured): readonly MetricDefinition[] {
  const { metric, kind, bounds, aggregation, attributionWindowSeconds } = experiment.reward
  return [{ id: metric, role: "primary", kind, bounds, aggregation, attributionWindowSeconds }, ...experiment.metrics]
}

/** The longest attribution window of all metrics: tokens live twice as long. */
export function longestWindowSeconds(experiment: Measured): number {
  return Math.max(...metricsOf(experiment).map(({ attributionWindowSeconds }) => attributionWindowSeconds))
}

/** The largest magnitude that a value of the metric can have: counters keep sums in millionths of it. */
export function boundOf({ bounds: [low, high] }: Pick<MetricDefinition, "bounds">): number {
  return Math.max(Math.abs(low), Math.abs(high))
}
