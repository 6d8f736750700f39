import * as z from "zod"
import { policySchema } from "#policies/registry.ts"
import { MAX_REWARD } from "./counters.ts"
import { EXPERIMENT_ID, type ExperimentId, type VariantId } from "./ids.ts"
import { checkKind, checkMetrics } from "./metric.ts"

const VARIANT_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/
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

const seconds = z
  .number()
  .positive()
  .max(10 * 365 * 86_400)

const variantSchema = z.strictObject({
  id: variantId,
  weight: z.number().min(0).max(1e6).default(1).describe("Share in static and burn-in allocations; only ratios matter"),
  enabled: z.boolean().default(true).describe("A disabled variant is never chosen"),
  backend: z
    .discriminatedUnion(
      "kind",
      [z.strictObject({ kind: z.literal("embedded"), model: name.describe("A folder of MODELS_DIR") })],
      {
        error: (issue) =>
          issue.code === "invalid_union" ? "must be embedded, the only kind this version serves" : undefined,
      },
    )
    .describe("What answers for this variant"),
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
    .describe("Smallest and largest reward accepted"),
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
    .describe("Later rewards are logged, not counted"),
}

const rewardSchema = z.strictObject({
  metric: name.default("reward"),
  ...measure,
  maturation: z
    .enum(["none", "window"])
    .default("none")
    .describe(
      "Whether a decision without a reward counts as a failure at once or when its attribution window has closed",
    ),
  failures: z
    .enum(["count", "exclude"])
    .default("count")
    .describe(
      "Whether decisions that the chosen variant did not answer are learned from: a variant that fails a third of its requests earns that much less",
    ),
})

const metricSchema = z.strictObject({
  id: name,
  role: z.literal("secondary").default("secondary").describe("Counted and reported, not learned from"),
  ...measure,
})

const memorySchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("all") }),
  z.strictObject({ kind: z.literal("window"), seconds }),
  z.strictObject({ kind: z.literal("discount"), halfLifeSeconds: seconds }),
])

/** An experiment document, as people write it. The source of the type, of the validation and of the JSON schema. */
export const experimentSchema = z
  .strictObject({
    id: experimentId,
    description: z.string().max(1000).default(""),
    status: z.enum(["draft", "running", "paused", "concluded"]).default("running"),
    stickiness: z
      .enum(["unit", "request"])
      .default("unit")
      .describe(
        "unit: a unit keeps its variant, and a propensity is that of its first decision; request: every request is drawn anew, and a propensity is that of this very decision",
      ),
    variants: z.array(variantSchema).min(1).max(64),
    control: variantId.describe("Reference variant: what holdout units and paused experiments get"),
    fallback: variantId.optional().describe("Answers when the chosen variant can't; the control when left out"),
    policy: policySchema,
    reward: rewardSchema.default(rewardSchema.parse({})),
    metrics: z.array(metricSchema).max(15).default([]).describe("Further metrics that rewards may name"),
    memory: memorySchema.default({ kind: "all" }),
    refreshSeconds: z.number().min(0.05).max(3600).default(1),
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
    guardrails: z.array(z.never("guardrails are not supported yet: leave the list empty")).default([]),
  })
  .transform((document) => ({ ...document, fallback: document.fallback ?? document.control }))
  .superRefine(checkReferences)

/** A valid experiment. Immutable; a change makes a new one with a higher revision. */
export type Experiment = z.output<typeof experimentSchema>

/** One thing wrong with a document, with the path to it: keys and array indexes from the root. */
export interface DocumentIssue {
  readonly path: readonly (string | number)[]
  readonly message: string
}

export type ParsedExperiment =
  | { readonly ok: true; readonly experiment: Experiment }
  | { readonly ok: false; readonly issues: readonly DocumentIssue[] }

/** Parses a document, already read from YAML or JSON. Every issue at once, each with what would be right. */
export function parseExperiment(document: unknown): ParsedExperiment {
  const parsed = experimentSchema.safeParse(document)
  if (parsed.success) return { ok: true, experiment: deepFreeze(parsed.data) }
  return { ok: false, issues: parsed.error.issues.flatMap(toIssues) }
}

/** The id as a branded string, undefined when the text can't be one. */
export function parseExperimentId(text: string): ExperimentId | undefined {
  return EXPERIMENT_ID.test(text) ? (text as ExperimentId) : undefined
}

function toIssues(issue: z.core.$ZodIssue): DocumentIssue[] {
  const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step))
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], message: `unknown field "${key}"` }))
  }
  return [{ path, message: issue.message }]
}

type Draft = Omit<z.output<typeof experimentSchema>, never>

function checkReferences(draft: Draft, context: z.core.$RefinementCtx): void {
  const report = (path: (string | number)[], message: string) => context.addIssue({ code: "custom", path, message })
  const seen = new Set<string>()
  for (const [index, variant] of draft.variants.entries()) {
    const folded = variant.id.toLowerCase()
    if (seen.has(folded))
      report(["variants", index, "id"], "is used twice (ids that differ only in case count as the same)")
    seen.add(folded)
  }
  const list = draft.variants.map((variant) => variant.id).join(", ")
  // A fallback that was left out is the control: one mistake, one message.
  for (const role of draft.fallback === draft.control ? (["control"] as const) : (["control", "fallback"] as const)) {
    const variant = draft.variants.find(({ id }) => id === draft[role])
    if (variant === undefined) report([role], `must be the id of one of the variants: ${list}`)
    else if (!variant.enabled) report([role], "must be an enabled variant")
  }
  if (!draft.variants.some(({ weight, enabled }) => enabled && weight > 0)) {
    report(["variants"], "at least one enabled variant needs a weight above 0")
  }
  const enabled = draft.variants.filter((variant) => variant.enabled).length
  if (draft.policy.minPropensity * enabled > 1 + 1e-12) {
    report(["policy", "minPropensity"], `times ${enabled} enabled variants must not exceed 1`)
  }
  checkPolicyReferences(draft, report, list)
  checkKind(draft.reward, ["reward"], report)
  checkMetrics(draft, report)
}

/** Policies whose mathematics needs rewards in [0, 1] per decision. */
const UNIT_REWARD_POLICIES = new Set(["thompson", "top-two", "kl-ucb", "ucb1", "ucb1-tuned"])

function checkPolicyReferences(
  draft: Draft,
  report: (path: (string | number)[], message: string) => void,
  list: string,
): void {
  const { policy, reward } = draft
  if (policy.kind === "canary") {
    const challenger = draft.variants.find(({ id }) => id === policy.challenger)
    if (challenger === undefined) report(["policy", "challenger"], `must be the id of one of the variants: ${list}`)
    else if (!challenger.enabled) report(["policy", "challenger"], "must be an enabled variant")
  }
  const unitRewards = reward.bounds[0] >= 0 && reward.bounds[1] <= 1 && reward.aggregation !== "sum"
  if (reward.kind === "value" && UNIT_REWARD_POLICIES.has(policy.kind) && !unitRewards) {
    report(
      ["policy", "kind"],
      `${policy.kind} needs rewards between 0 and 1 that are not added up; use thompson-gaussian for other values`,
    )
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const child of Object.values(value)) deepFreeze(child)
  }
  return value
}
