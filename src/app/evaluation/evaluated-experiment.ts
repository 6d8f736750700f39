import { type ParsedExperiment, parseExperiment } from "../../domain/experiment.ts"
import type { LogSummary } from "../../ports/evaluation-log.ts"
import type { ExperimentSettings } from "../simulation/simulated-experiment.ts"

/** What the log's documents need to say for a policy to be played; all of it has a default. */
interface LoggedDocument {
  readonly variants?: readonly { readonly id?: unknown; readonly weight?: unknown; readonly backend?: unknown }[]
  readonly reward?: Readonly<Record<string, unknown>>
  readonly metrics?: readonly Readonly<Record<string, unknown>>[]
  readonly memory?: unknown
  readonly refreshSeconds?: unknown
}

/**
 * The experiment that a policy is played in: the log's own, newest document with this policy. Where the log has none, variants weigh the same, the
 * metric is as its rewards were, and the rest is as documents have it by default.
 *
 * @returns what is wrong with the policy for this experiment, by its place in a document
 */
export function evaluatedExperiment(
  experiment: string,
  summary: LogSummary,
  { policy, memory, stickiness, maturation, failures }: ExperimentSettings,
): ParsedExperiment {
  const document = (summary.documents.at(-1)?.document ?? {}) as LoggedDocument
  const reward = measured(summary, document)
  return parseExperiment({
    id: experiment,
    variants: summary.variants.map((id) => {
      const known = document.variants?.find((variant) => variant.id === id)
      return { id, weight: known?.weight ?? 1, backend: known?.backend ?? { kind: "embedded", model: id } }
    }),
    control: summary.variants[0],
    policy,
    reward: {
      ...reward,
      ...(maturation === undefined ? {} : { maturation }),
      ...(failures === undefined ? {} : { failures }),
    },
    stickiness: stickiness ?? (summary.stickiness === "request" ? "request" : "unit"),
    ...((memory ?? document.memory) === undefined ? {} : { memory: memory ?? document.memory }),
    ...(document.refreshSeconds === undefined ? {} : { refreshSeconds: document.refreshSeconds }),
  })
}

/** How often the log's experiment asks for a new allocation, whole seconds, at least 1. */
export function loggedRefreshSeconds({ documents }: LogSummary): number {
  const { refreshSeconds } = (documents.at(-1)?.document ?? {}) as LoggedDocument
  return typeof refreshSeconds === "number" ? Math.max(1, Math.ceil(refreshSeconds)) : 1
}

/** The metric as the document learns from it, or as one of its others. */
function measured(summary: LogSummary, { reward, metrics }: LoggedDocument): Readonly<Record<string, unknown>> {
  const { metric } = summary
  if (reward?.["metric"] === metric) return reward
  const other = metrics?.find(({ id }) => id === metric)
  if (other !== undefined) {
    const { kind, bounds, aggregation, attributionWindowSeconds } = other
    return { metric, kind, bounds, aggregation, attributionWindowSeconds }
  }
  const { bound, leastReward, aggregation } = summary
  const binary = bound === 1 && leastReward === 0
  return binary
    ? { metric, aggregation }
    : { metric, kind: "value", bounds: [leastReward < 0 ? -bound : 0, bound], aggregation }
}

/** Which variants a document enables, by the summary's order; undefined where it names none. */
export function enabledIn(document: unknown, variants: readonly string[]): readonly boolean[] | undefined {
  const { variants: listed } = document as {
    readonly variants?: readonly { readonly id?: unknown; readonly enabled?: unknown }[]
  }
  if (listed === undefined) return undefined
  return variants.map((id) => listed.some((variant) => variant.id === id && variant.enabled !== false))
}
