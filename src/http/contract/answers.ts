import * as z from "zod"
import { CALL_OUTCOMES } from "../../domain/call-counters.ts"
import { STATUSES } from "../../domain/life-cycle.ts"
import { PERMISSIONS } from "../../domain/permissions.ts"
import { PROBLEM_CODES } from "./problem-codes.ts"

const probability = z.number().min(0).max(1)
/** The same wherever a propensity is answered. */
const propensity = z
  .number()
  .max(1)
  .describe(
    "Probability that the variant was chosen with. Under stickiness request, given everything before the request; under stickiness unit, over " +
      "the hash for a unit seen for the first time, so that estimates take one row per unit, its first",
  )
const count = z.int().min(0)
const revision = z.int().min(1).describe("Rises with every change of the experiment's document")
const stateVersion = z.int().min(0).describe("Rises whenever a counter of the experiment changes")
const status = z.enum(STATUSES)
const reason = z
  .enum(["policy", "burn_in", "holdout", "forced", "paused"])
  .describe(
    "Why this variant was chosen: drawn by the policy or by the burn-in weights, given to a holdout unit, forced, or not running",
  )

const decided = {
  experiment: z.string(),
  revision,
  variant: z.string().describe("The variant that was chosen"),
  model: z.string().describe("The model that answered"),
  decisionId: z.string().describe("A ULID; the join key of the outcome log"),
  decision: z.string().max(200).describe("The decision token: send it back with the reward"),
  propensity: propensity.gt(0),
  policy: z.string(),
  reason,
  degraded: z.boolean().describe("Whether something else answered than what was chosen"),
  servedBy: z.string().optional().describe("The variant that answered, where degraded; `_static` where none could"),
  error: z
    .enum(["deadline_exceeded", "backend_failed", "backend_unavailable", "wrong_shape", "not_taken"])
    .optional()
    .describe("Why the chosen variant did not answer, where degraded"),
}

/** What `POST /predict` answers: `prediction` for `features`, `predictions` in order for `instances`. */
export const predictAnswerSchema = z.union([
  z.object({ prediction: z.number(), ...decided }),
  z.object({ predictions: z.array(z.number()).min(1).max(256), ...decided }),
])

/** What a plain predictor answers. */
export const plainPredictionSchema = z.union([
  z.object({ prediction: z.number(), model: z.string() }),
  z.object({ predictions: z.array(z.number()).min(1).max(256), model: z.string() }),
])

export const rewardReceiptSchema = z.object({
  status: z
    .enum(["applied", "duplicate", "accepted"])
    .describe("applied: counted; duplicate: had its effect before; accepted: durable, counted later"),
  experiment: z.string(),
  variant: z.string(),
  decisionId: z.string(),
  metric: z.string(),
  value: z.number(),
})

/** RFC 9457. Every answer outside 2xx is one, `GET /readyz` apart. */
export const problemSchema = z.object({
  type: z.string().describe("A path of this gateway, where a page explains the problem"),
  title: z.string(),
  status: z.int().min(400).max(599),
  code: z.enum(PROBLEM_CODES),
  detail: z.string().optional().describe("What was wrong with this request"),
  errors: z.array(z.object({ pointer: z.string().describe("RFC 6901, into the body"), detail: z.string() })).optional(),
})

export const rewardBatchAnswerSchema = z.object({
  results: z.array(z.union([rewardReceiptSchema, problemSchema])).describe("One per item, in order"),
})

export const experimentListSchema = z.object({
  experiments: z.array(
    z.object({
      id: z.string(),
      description: z.string(),
      status,
      revision,
      policy: z.string(),
      variants: z.array(z.string()),
    }),
  ),
  nextCursor: z.string().optional().describe("Where there are more"),
})

const permissions = z.array(z.enum(PERMISSIONS))

const keySchema = z.object({
  id: z.string().describe("What it is revoked by"),
  name: z.string(),
  permissions,
  experiments: z.array(z.string()).nullable().describe("Ids of the experiments that it is for; null: all"),
  requestsPerSecond: z.number().nullable().describe("How often it may be used at each gateway; null: without a limit"),
  createdAt: z.iso.datetime(),
  createdBy: z.string().describe("Name of the key or user that made it"),
  expiresAt: z.iso.datetime().nullable().describe("From when on it is refused; null: never"),
  lastUsedAt: z.iso.datetime().nullable().describe("To the minute; null: not yet"),
})

export const keyListSchema = z.object({
  keys: z.array(keySchema).describe("Made under /admin/keys and not revoked, the oldest first"),
  configured: z
    .array(z.object({ name: z.string(), permissions }))
    .describe("Keys of the setting API_KEYS: in force until the gateway is started without them"),
})

export const madeKeySchema = z.object({
  key: keySchema,
  secret: z.string().describe("What to send as Authorization: Bearer. Shown this once, and kept nowhere"),
})

const milliseconds = z.number().min(0)

const callTotals = {
  answered: count,
  failed: count,
  failures: z
    .partialRecord(z.enum(CALL_OUTCOMES).exclude(["answered"]), count)
    .describe("Failed ones by why; status_4xx: its server refused with a status from 400 to 499"),
  latencyMs: z
    .object({ p50: milliseconds, p90: milliseconds, p99: milliseconds })
    .nullable()
    .describe("So many of a hundred answers took at most so long, rounded up by at most 19 per cent; null: none came"),
}

const calls = z
  .object({
    ...callTotals,
    lastHour: z
      .array(z.object({ from: z.iso.datetime(), ...callTotals }))
      .describe("By five minutes, the oldest first; the last is not over"),
  })
  .describe(
    "How the variant answered the decisions that chose it, whoever answered instead: of this series, in the last two weeks. Forced ones, and those of a pause, are not counted",
  )

export const statisticsSchema = z.object({
  experiment: z.string(),
  revision,
  status,
  policy: z.string(),
  asOf: z.iso.datetime().describe("The moment of every number here"),
  stateVersion,
  partial: z
    .array(z.string())
    .optional()
    .describe(
      "Logs of which something is missing in counters that were lost and restored; absent where they are whole",
    ),
  allocationStateVersion: z
    .int()
    .min(0)
    .describe("State version that the allocation was made from: behind stateVersion until the next refresh"),
  variants: z.array(
    z.object({
      id: z.string(),
      series: z.int().min(1).describe("Rises when what these numbers measure changes: older ones are not mixed in"),
      decisions: count.describe("Decisions that are learned from"),
      units: count.describe("Different units among them, estimated with a standard error of 3 per cent"),
      rewards: count.describe("Rewards that were applied"),
      sum: z.number(),
      sumSq: z.number().min(0),
      rate: z.number().describe("Mean reward of the matured decisions, the same that probabilityBest is of"),
      allocation: probability.describe("Probability of the variant now"),
      probabilityBest: probability.describe("Posterior probability of having the largest mean reward"),
      matured: z.number().min(0).describe("Decisions the policy counts now, after memory and maturation"),
      pending: z.number().min(0).describe("Decisions whose attribution window is still open"),
      excluded: count.describe("Drawn decisions left out of learning because nobody or another variant answered"),
      calls,
      target: z
        .object({
          target: z.string(),
          circuit: z.enum(["closed", "open", "half_open"]).describe("open: left alone for a while, since it failed"),
          lastFailure: z.string().optional().describe("What was wrong with the last call, where something was"),
        })
        .nullable()
        .describe("How calls to the variant's target go; null for a model in this process"),
    }),
  ),
  holdout: z
    .array(
      z.object({
        id: z.string(),
        decisions: count,
        rewards: count,
        sum: z.number(),
        sumSq: z.number().min(0),
        rate: z.number(),
      }),
    )
    .describe("Units kept on the control, by the variant that was the control; never learned from"),
  metrics: z
    .array(
      z.object({
        id: z.string(),
        variants: z.array(
          z.object({
            id: z.string(),
            rewards: count,
            sum: z.number(),
            sumSq: z.number().min(0),
            rate: z.number().describe("Sum over all decisions of the variant"),
          }),
        ),
      }),
    )
    .describe("Metrics that are counted and not learned from"),
})

export const allocationSchema = z.object({
  experiment: z.string(),
  revision,
  stateVersion,
  policy: z.string(),
  reason: z
    .enum(["policy", "burn_in"])
    .describe("burn_in: every enabled variant is in its burn-in, and the weights hold"),
  newcomers: z.array(z.string()).describe("Variants in their burn-in, which get their shares by the weights"),
  allocation: z.record(z.string(), probability).describe("Variant id to probability; they sum to 1"),
})

const tensors = z.array(
  z.object({
    name: z.string(),
    datatype: z.string().describe("Empty where the server doesn't say"),
    shape: z.array(z.int()).describe("-1 for a length that varies; the first is that of the batch"),
    columns: z.array(z.string()).optional().describe("Names of its columns, where the server says them"),
  }),
)

export const explanationSchema = z.object({
  experiment: z.string(),
  revision,
  stateVersion,
  unitId: z.string(),
  status,
  stickiness: z.enum(["unit", "request"]),
  policy: z.string(),
  reason,
  variant: z.string(),
  propensity: propensity.gt(0),
  learn: z.boolean(),
  explanation: z.string(),
  variants: z.array(
    z.object({
      id: z.string(),
      enabled: z.boolean(),
      allocation: probability,
      score: z
        .number()
        .nullable()
        .describe("-ln(h) / allocation, h a hash of unit and variant; the smallest is chosen"),
      knownFeatures: z
        .array(z.string())
        .nullable()
        .describe("Names of the features that the variant's model reads; null where the model can't tell"),
      request: z
        .object({
          target: z.string(),
          protocol: z.string(),
          method: z.string(),
          path: z.string(),
          headers: z.record(z.string(), z.string()),
          body: z.string().describe("Of one instance; `<name>` stands where the value of a feature goes"),
        })
        .nullable()
        .describe(
          "How the variant's target is asked; null for a model in this process, or one that only bodies are passed to",
        ),
      server: z
        .object({
          signature: z.object({ inputs: tensors, outputs: tensors }).nullable().describe("Null where it didn't say"),
          misfits: z
            .array(
              z.object({ pointer: z.string().describe("RFC 6901, into the variant's backend"), detail: z.string() }),
            )
            .describe("Where the document declares something else"),
          unread: z.string().optional().describe("Why the server didn't say"),
        })
        .nullable()
        .describe("What the model's server said of it when it was last asked; null where its protocol has no metadata"),
    }),
  ),
})

export const livenessSchema = z.object({ status: z.literal("ok") })

export const rootLivenessSchema = z.object({ status: z.literal("alive") })

export const healthcheckSchema = z.object({ health: z.literal("ok") })

export const readinessSchema = z.object({
  ready: z.boolean(),
  parts: z
    .record(z.string(), z.object({ ready: z.boolean(), required: z.boolean(), detail: z.string().optional() }))
    .describe("State of each part; only a required one keeps the whole from being ready"),
})
