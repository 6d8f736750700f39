import * as z from "zod"
import { EXPERIMENT_NAME } from "../../../domain/ids.ts"
import { MAX_REWARD } from "../../../domain/metric.ts"
import { unitId } from "../predict-body.ts"
import { TOKEN_LIKE } from "../reward-body.ts"

const MAX_INFERENCE_ID_LENGTH = 64

const endpointName = z
  .string()
  .regex(EXPERIMENT_NAME, "must be 1 to 128 letters, digits, dots, hyphens or underscores")
  .describe("The experiment's id or one of its names")
const inferenceId = z
  .string()
  .min(1)
  .max(MAX_INFERENCE_ID_LENGTH)
  .describe("The caller's id of the request; the decision's id when left out")

/** `POST /invocation`. What it doesn't name is not looked at. */
export const sampleInvocationSchema = z
  .object({
    endpoint_name: endpointName,
    user_id: unitId
      .optional()
      .describe("What is randomised, where X-Unit-Id doesn't name it; the decision's id when left out"),
    inference_id: inferenceId.optional(),
    endpoint_variant: z.string().min(1).max(32).optional().describe("Forces a variant; needs the permission force"),
    content_type: z.string().default("application/json").describe("Of data"),
    data: z.string().describe("JSON in a text: a FeatureBody"),
  })
  .meta({ id: "SampleInvocation" })

/** `POST /conversion`: the answer of an invocation, posted back with a reward. */
export const sampleConversionSchema = z
  .object({
    endpoint_name: endpointName,
    decision: z.string().describe("The decision token, as the invocation was answered").meta({ pattern: TOKEN_LIKE }),
    reward: z
      .number()
      .default(1)
      .describe("Of the metric that the experiment learns from")
      .meta({ minimum: -MAX_REWARD, maximum: MAX_REWARD }),
    user_id: z.string().optional().describe("Given back"),
    inference_id: z.string().optional().describe("Given back"),
  })
  .meta({ id: "SampleConversion" })

/** `POST /stats`. */
export const sampleStatsSchema = z.object({ endpoint_name: endpointName }).meta({ id: "SampleStats" })

const strategy = z
  .string()
  .describe("The policy by the sample's word for it, Manual for a forced variant, Fallback where another one answered")

export const sampleInvocationAnswerSchema = z.object({
  strategy,
  endpoint_name: z.string(),
  target_variant: z.string().describe("The variant that was chosen"),
  endpoint_variant: z.string().describe("The variant that answered"),
  inference_id: z.string(),
  user_id: z.string(),
  decision: z.string().max(200).describe("The decision token: post it back with the conversion"),
  predictions: z
    .unknown()
    .describe("A PlainPrediction, or what the endpoint answered: JSON where it is, else its text"),
})

export const sampleConversionAnswerSchema = z.object({
  strategy,
  endpoint_name: z.string(),
  endpoint_variant: z.string(),
  inference_id: z.string(),
  user_id: z.string(),
  reward: z.number(),
  status: z.enum(["applied", "duplicate", "accepted"]),
})

export const sampleStatsAnswerSchema = z.object({
  endpoint_name: z.string(),
  strategy,
  epsilon: z.number().describe("The policy's own, 0 where its document gives none"),
  warmup: z.int().describe("burnInDecisions"),
  variant_metrics: z.array(
    z.object({
      endpoint_name: z.string(),
      variant_name: z.string(),
      initial_variant_weight: z.number(),
      invocation_count: z.int().describe("Decisions that are learned from"),
      conversion_count: z.int().describe("Rewards that were applied"),
      reward_sum: z.number(),
    }),
  ),
})

export const awsSampleErrorSchema = z.object({ message: z.string() })
export const asyncInvocationSchema = z.object({ InferenceId: z.string() })
export const sageMakerErrorSchema = z.object({ message: z.string() })
