import * as z from "zod"
import { deepFreeze } from "#policies/deep-freeze.ts"
import type { Policy } from "#policies/policy.ts"
import { commonPolicyFields, findPolicy, isPolicyKind, policySchema } from "#policies/registry.ts"
import { type Backend, backendSchema, isAsync, NAME, staticAnswerSchema } from "./backends/backend.ts"
import { type DocumentIssue, parseShape, validFields } from "./document-issues.ts"
import { type ReadableDocument, referenceIssues } from "./experiment-references.ts"
import { EXPERIMENT_ID, EXPERIMENT_NAME, type ExperimentId, type VariantId } from "./ids.ts"
import { STATUSES } from "./life-cycle.ts"
import { MAX_REWARD } from "./metric.ts"
import { scheduleSchema } from "./schedule.ts"

const VARIANT_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/
/** More would not be told apart by any traffic. */
const MAX_VARIANTS = 64
const MAX_METRICS = 15
const MAX_NAMES = 16
const THIRTY_DAYS = 30 * 86_400

const experimentId = z
  .string()
  .regex(EXPERIMENT_ID, "must be 1 to 63 lower-case letters, digits or hyphens, starting with a letter or digit")
  .transform((id) => id as ExperimentId)

const variantId = z
  .string()
  .regex(VARIANT_ID, "must be 1 to 32 letters, digits, hyphens or underscores, starting with a letter or digit")
  .transform((id) => id as VariantId)

const name = z.string().regex(NAME, "must be 1 to 64 letters, digits, dots, hyphens or underscores")

/** As a path segment, "." and ".." mean other things. */
const otherName = z
  .string()
  .regex(EXPERIMENT_NAME, "must be 1 to 128 letters, digits, dots, hyphens or underscores")
  .refine((text) => text !== "." && text !== "..", "must be more than dots")

const seconds = z
  .number()
  .positive()
  .max(10 * 365 * 86_400)

const variantSchema = z.strictObject({
  id: variantId.describe("What decisions, tokens and statistics call it; ids that differ only in case are one"),
  weight: z.number().min(0).max(1e6).default(1).describe("Share in static and burn-in allocations; only ratios matter"),
  enabled: z.boolean().default(true).describe("A disabled variant is never chosen"),
  backend: backendSchema.describe("What answers for this variant"),
})

/** What makes rewards of a metric a number: the same for the one that is learned from and for the others. */
const measure = {
  kind: z
    .enum(["binary", "value"])
    .default("binary")
    .describe("binary: exactly 0 or 1; value: any number within the bounds"),
  bounds: z
    .tuple([z.number().min(-MAX_REWARD).max(MAX_REWARD), z.number().min(-MAX_REWARD).max(MAX_REWARD)])
    .default([0, 1])
    .describe("Smallest and largest reward accepted; under sum also of what one decision adds up to"),
  aggregation: z
    .enum(["first", "last", "sum", "max"])
    .default("first")
    .describe("How several rewards of one decision become its one effect"),
  attributionWindowSeconds: z
    .number()
    .int()
    .min(1)
    .max(THIRTY_DAYS)
    .default(3600)
    .describe("Later rewards are logged, not counted; after twice the longest window the decision's token has expired"),
}

const rewardSchema = z.strictObject({
  metric: name.default("reward").describe("What a reward is called; postbacks may leave it out"),
  ...measure,
  maturation: z
    .enum(["none", "window", "expected"])
    .default("none")
    .describe(
      "When a decision without a reward counts as a failure: at once, when its attribution window has closed, or by the share of rewards that should have come at its age",
    ),
  failures: z
    .enum(["count", "exclude"])
    .default("count")
    .describe(
      "Whether decisions that the chosen variant did not answer are learned from: a variant that fails a third of its requests earns that much less",
    ),
})

const metricSchema = z.strictObject({
  id: name.describe("What a reward of it is called"),
  role: z.literal("secondary").default("secondary").describe("Counted and reported, not learned from"),
  ...measure,
})

/** `memory` of a document: which past decisions the policy still learns from. */
const memorySchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("all") }),
  z.strictObject({ kind: z.literal("window"), seconds: seconds.describe("Older decisions are forgotten") }),
  z.strictObject({
    kind: z.literal("discount"),
    halfLifeSeconds: seconds.describe("A decision of this age counts half"),
  }),
])

const documentSchema = z.strictObject({
  id: experimentId.describe("What requests and tokens call it; never changes"),
  names: z
    .array(otherName)
    .max(MAX_NAMES)
    .default([])
    .describe(
      "What other protocols' clients call it beside its id: their endpoint, model or deployment; no other experiment's",
    ),
  description: z.string().max(1000).default("").describe("For people"),
  status: z
    .enum(STATUSES)
    .default("running")
    .describe("Only a running experiment is learned from; the others serve the control"),
  schedule: scheduleSchema.optional().describe("When the status changes by itself"),
  stickiness: z
    .enum(["unit", "request"])
    .default("unit")
    .describe(
      "unit: a unit keeps its variant, and a propensity is that of its first decision; request: every request is drawn anew, and a propensity is that of this very decision",
    ),
  variants: z.array(variantSchema).min(1).max(MAX_VARIANTS).describe("The alternatives"),
  control: variantId.describe("Reference variant: what holdout units and paused experiments get"),
  fallback: variantId.optional().describe("Answers when the chosen variant can't; the control when left out"),
  staticAnswer: staticAnswerSchema
    .optional()
    .describe("What is answered when no variant can; without one such requests are refused"),
  policy: policySchema.describe("The rule that turns statistics into an allocation; docs/policies has a page on each"),
  reward: rewardSchema.default(rewardSchema.parse({})).describe("The metric that the policy learns from"),
  metrics: z.array(metricSchema).max(MAX_METRICS).default([]).describe("Further metrics that rewards may name"),
  memory: memorySchema.default({ kind: "all" }).describe("Which decisions the policy looks back on"),
  refreshSeconds: z.number().min(0.05).max(3600).default(1).describe("How often the allocation follows the counters"),
  deadlineMs: z
    .number()
    .int()
    .min(5)
    .max(60_000)
    .default(100)
    .describe("Of a whole request, where the caller doesn't ask for another"),
  holdout: z.number().min(0).max(1).default(0).describe("Share of units kept on control and never learned from"),
  holdoutSalt: name
    .optional()
    .describe("Experiments with the same salt hold out the same units; each has a holdout of its own when left out"),
  logFeatures: z
    .array(z.string().min(1).max(128))
    .max(256)
    .default([])
    .describe("Features copied into decision events"),
  guardrails: z
    .array(z.never("guardrails are not supported yet: leave the list empty"))
    .default([])
    .describe("Must be an empty list: guardrails are not supported yet"),
})

/** An experiment document, as people write it. The source of the type, of the validation and of the JSON schema. */
export const experimentSchema = documentSchema.transform((document) => ({
  ...document,
  fallback: document.fallback ?? document.control,
}))

/** A valid experiment. Immutable; a change makes a new one with a higher revision. */
export type Experiment = z.output<typeof experimentSchema>

export type ParsedExperiment =
  | { readonly ok: true; readonly experiment: Experiment }
  | { readonly ok: false; readonly issues: readonly DocumentIssue[] }

/** Parses a document, already read from YAML or JSON. Every issue at once, each with what would be right. */
export function parseExperiment(document: unknown): ParsedExperiment {
  const shape = parseShape(experimentSchema, document)
  const references = referenceIssues(readable(document))
  if (shape.ok && references.length === 0) return { ok: true, experiment: deepFreeze(shape.value) }
  return { ok: false, issues: [...(shape.ok ? [] : shape.issues), ...references] }
}

/** Backends that can be read in a document, valid or not, with the index of their variant: whether they can be served is for others to say. */
export function readableBackends(document: unknown): { readonly variant: number; readonly backend: Backend }[] {
  return listOf(document, "variants", MAX_VARIANTS).flatMap((variant, index) => {
    const { backend } = validFields(variantSchema, variant)
    return backend === undefined ? [] : [{ variant: index, backend }]
  })
}

/** The id as a branded string, undefined when the text can't be one. */
export function parseExperimentId(text: string): ExperimentId | undefined {
  return EXPERIMENT_ID.test(text) ? (text as ExperimentId) : undefined
}

/** What can be read of a document whose shape may be wrong elsewhere. */
function readable(document: unknown): ReadableDocument {
  const { control, fallback, policy } = fieldsOf(document)
  const reward = validFields(rewardSchema, fieldsOf(document)["reward"] ?? {})
  return {
    names: listOf(document, "names", MAX_NAMES).map(textOf),
    variants: listOf(document, "variants", MAX_VARIANTS).map((variant) => {
      const { weight, enabled, backend } = validFields(variantSchema, variant)
      return { id: textOf(fieldsOf(variant)["id"]), weight, enabled, isAsync: backend && isAsync(backend) }
    }),
    control: textOf(control),
    fallback: textOf(fallback),
    policy: readablePolicy(policy),
    reward: { ...reward, id: reward.metric },
    metrics: listOf(document, "metrics", MAX_METRICS).map((metric) => validFields(metricSchema, metric)),
  }
}

function readablePolicy(policy: unknown): ReadableDocument["policy"] {
  const { minPropensity, burnInDecisions } = validFields(commonPolicyFields, policy)
  const fields = fieldsOf(policy)
  const kind = textOf(fields["kind"])
  const { namedArms = [], rewardRange, learns } = findPolicyNamed(kind) ?? {}
  const named = namedArms.map((parameter) => ({ parameter, id: textOf(fields[parameter]) }))
  return { kind, minPropensity, burnInDecisions, named, rewardRange, learns: learns !== false }
}

function findPolicyNamed(kind: string | undefined): Policy | undefined {
  return kind !== undefined && isPolicyKind(kind) ? findPolicy(kind) : undefined
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {}
}

function listOf(document: unknown, field: string, most: number): readonly unknown[] {
  const list = fieldsOf(document)[field]
  return Array.isArray(list) ? list.slice(0, most) : []
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined
}
