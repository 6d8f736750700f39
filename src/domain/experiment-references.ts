import type { DocumentIssue } from "./document-issues.ts"
import { ERROR_METRIC } from "./metric.ts"
import { didYouMean } from "./nearest-name.ts"

/**
 * What the parts of a document say of each other, as far as it can be read: a field that is missing here is wrong or absent, which is
 * reported on its own.
 */
export interface ReadableDocument {
  /** As they are written, also where they aren't valid. */
  readonly names: readonly (string | undefined)[]
  readonly variants: readonly ReadableVariant[]
  readonly control: string | undefined
  readonly fallback: string | undefined
  readonly policy: {
    readonly kind: string | undefined
    readonly minPropensity: number | undefined
    readonly burnInDecisions: number | undefined
    /** Parameters that hold the id of a variant. */
    readonly named: readonly { readonly parameter: string; readonly id: string | undefined }[]
    /** Rewards that its mathematics allows; undefined: any. */
    readonly rewardRange: readonly [number, number] | undefined
    readonly learns: boolean
  }
  readonly reward: ReadableMetric
  readonly metrics: readonly ReadableMetric[]
}

interface ReadableMetric {
  readonly id?: string | undefined
  readonly kind?: "binary" | "value" | undefined
  readonly bounds?: readonly [number, number] | undefined
  readonly aggregation?: string | undefined
}

interface ReadableVariant {
  /** As it is written, also where it isn't a valid id. */
  readonly id: string | undefined
  readonly weight: number | undefined
  readonly enabled: boolean | undefined
  /** Whether its backend answers later, at another place. */
  readonly isAsync: boolean | undefined
}

/** Everything in a document that doesn't fit together. Rules whose fields can't be read are left out. */
export function referenceIssues(document: ReadableDocument): DocumentIssue[] {
  return [
    ...nameIssues(document),
    ...variantIssues(document),
    ...roleIssues(document),
    ...policyIssues(document),
    ...metricIssues(document),
  ]
}

function* nameIssues({ names }: ReadableDocument): Generator<DocumentIssue> {
  for (const [index, name] of names.entries()) {
    if (name !== undefined && names.indexOf(name) < index) yield { path: ["names", index], message: "is written twice" }
  }
}

function* variantIssues({ variants, policy }: ReadableDocument): Generator<DocumentIssue> {
  const seen = new Set<string>()
  for (const [index, { id }] of variants.entries()) {
    if (id === undefined) continue
    const folded = id.toLowerCase()
    if (seen.has(folded)) {
      yield {
        path: ["variants", index, "id"],
        message: "is used twice (ids that differ only in case count as the same)",
      }
    }
    seen.add(folded)
  }
  const weightsRead = variants.every(({ weight, enabled }) => weight !== undefined && enabled !== undefined)
  const served = variants.some(({ weight, enabled }) => enabled === true && (weight ?? 0) > 0)
  if (variants.length > 0 && weightsRead && !served) {
    yield { path: ["variants"], message: "at least one enabled variant needs a weight above 0" }
  }
  for (const [index, { weight, enabled }] of variants.entries()) {
    if (enabled !== true || weight !== 0 || !policy.learns || (policy.burnInDecisions ?? 0) === 0) continue
    yield {
      path: ["variants", index, "weight"],
      message: "must be above 0: burnInDecisions gives each variant its first decisions by its weight",
    }
  }
  const later = variants.findIndex(({ isAsync }) => isAsync === true)
  if (later >= 0 && variants.some(({ isAsync }) => isAsync === false)) {
    yield {
      path: ["variants", later, "backend", "mode"],
      message: "must be async for all variants or for none: a caller waits for its answer or doesn't",
    }
  }
  const enabled = variants.filter((variant) => variant.enabled === true).length
  const floor = policy.minPropensity ?? 0
  if (floor * enabled > 1 + 1e-12) {
    yield {
      path: ["policy", "minPropensity"],
      message: `times ${enabled} enabled variants must not exceed 1: at most ${Math.floor(1e4 / enabled) / 1e4}`,
    }
  }
}

function* roleIssues(document: ReadableDocument): Generator<DocumentIssue> {
  const { control, fallback, policy } = document
  yield* roleIssue(document, ["control"], control)
  // A fallback that was left out is the control: one mistake, one message.
  if (fallback !== control) yield* roleIssue(document, ["fallback"], fallback)
  for (const { parameter, id } of policy.named) yield* roleIssue(document, ["policy", parameter], id)
}

function* roleIssue(
  { variants }: ReadableDocument,
  path: readonly string[],
  id: string | undefined,
): Generator<DocumentIssue> {
  const ids = variants.flatMap((variant) => variant.id ?? [])
  // A variant whose id can't be read may be the one that is meant.
  if (id === undefined || ids.length < variants.length || ids.length === 0) return
  const variant = variants.find((one) => one.id === id)
  if (variant === undefined) {
    yield {
      path,
      message: `must be the id of one of the variants: ${[...new Set(ids)].join(", ")}${didYouMean(id, ids)}`,
    }
  } else if (variant.enabled === false) yield { path, message: "must be an enabled variant" }
}

function* policyIssues({ policy, reward }: ReadableDocument): Generator<DocumentIssue> {
  const { kind, bounds, aggregation } = reward
  const { rewardRange } = policy
  if (rewardRange === undefined || kind !== "value" || bounds === undefined || aggregation === undefined) return
  const [least, most] = rewardRange
  if (bounds[0] < least || bounds[1] > most || aggregation === "sum") {
    yield {
      path: ["policy", "kind"],
      message: `${policy.kind} needs rewards between ${least} and ${most} that are not added up; use thompson-gaussian for other values`,
    }
  }
}

function* metricIssues({ reward, metrics }: ReadableDocument): Generator<DocumentIssue> {
  yield* measureIssues(["reward"], reward)
  if (reward.id === ERROR_METRIC) yield { path: ["reward", "metric"], message: RESERVED }
  const seen = new Set([reward.id])
  for (const [index, metric] of metrics.entries()) {
    if (metric.id === ERROR_METRIC) yield { path: ["metrics", index, "id"], message: RESERVED }
    if (metric.id !== undefined && seen.has(metric.id)) {
      yield { path: ["metrics", index, "id"], message: "is used twice: every metric has a name of its own" }
    }
    seen.add(metric.id)
    yield* measureIssues(["metrics", index], metric)
  }
}

const RESERVED = `must not be "${ERROR_METRIC}": the gateway itself counts decisions under it that nobody answered`

function* measureIssues(
  path: readonly (string | number)[],
  { kind, bounds, aggregation }: ReadableMetric,
): Generator<DocumentIssue> {
  if (bounds !== undefined) {
    const [low, high] = bounds
    if (low >= high) yield { path: [...path, "bounds"], message: "the first bound must be below the second" }
    if (kind === "binary" && (low !== 0 || high !== 1)) {
      yield { path: [...path, "bounds"], message: 'must be [0, 1] for binary rewards; use kind "value" for others' }
    }
  }
  if (kind === "binary" && aggregation === "sum") {
    yield {
      path: [...path, "aggregation"],
      message: 'must be first, last or max for binary rewards; use kind "value" to add rewards up',
    }
  }
}
