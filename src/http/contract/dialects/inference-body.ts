import * as z from "zod"
import { DATATYPES } from "../../../domain/backends/datatypes.ts"
import { MAX_FEATURES } from "../features.ts"
import { unitId } from "../predict-body.ts"

/** The only output there is. */
export const OUTPUT_NAME = "prediction"

const MAX_ID_LENGTH = 128

const inputSchema = z.object({
  name: z.string().describe("The feature"),
  datatype: z.enum(DATATYPES),
  shape: z
    .array(z.int().min(0))
    .min(1)
    .max(2)
    .describe("[n] or [n, 1]: one element for each prediction, n as in every other input"),
  data: z
    .array(z.unknown())
    .optional()
    .describe("The elements, flat or in rows of one; left out where they follow the JSON as bytes"),
  parameters: z
    .object({ binary_data_size: z.int().min(0).optional().describe("Bytes of this input behind the JSON") })
    .optional(),
})

const outputSchema = z.object({
  name: z.literal(OUTPUT_NAME),
  parameters: z.object({ binary_data: z.boolean().optional() }).optional(),
})

/** `POST /v2/models/{name}/infer` where the gateway reads it. What it doesn't name is not looked at. */
export const inferRequestSchema = z
  .object({
    id: z.string().max(MAX_ID_LENGTH).optional().describe("Given back"),
    parameters: z
      .object({
        unitId: unitId.optional().describe("What is randomised, where X-Unit-Id doesn't name it"),
        binary_data_output: z.boolean().optional().describe("Whether outputs come as bytes unless they ask otherwise"),
      })
      .optional(),
    inputs: z.array(inputSchema).min(1).max(MAX_FEATURES).describe("A tensor for each feature"),
    outputs: z.array(outputSchema).max(1).optional(),
  })
  .meta({ id: "InferRequest" })

export type InferRequest = z.output<typeof inferRequestSchema>
export type InferInput = InferRequest["inputs"][number]

export const inferAnswerSchema = z.object({
  model_name: z.string().describe("As it was called"),
  model_version: z.string().describe("The variant that was chosen"),
  id: z.string().optional(),
  parameters: z.object({ decision: z.string().max(200).describe("The decision token: send it back with the reward") }),
  outputs: z
    .array(
      z.object({
        name: z.literal(OUTPUT_NAME),
        datatype: z.literal("FP64"),
        shape: z.array(z.int()).length(1),
        data: z.array(z.number()).optional(),
        parameters: z.object({ binary_data_size: z.int() }).optional(),
      }),
    )
    .length(1),
})

const tensorDescriptions = z.array(
  z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.int().min(-1)) }),
)

export const inferenceServerSchema = z.object({
  name: z.string(),
  version: z.string(),
  extensions: z.array(z.string()),
})

export const modelMetadataSchema = z.object({
  name: z.string(),
  versions: z.array(z.string()).describe("The variants"),
  platform: z.string(),
  inputs: tensorDescriptions.describe(
    "As a server behind describes its own; else every feature that a variant's model reads, and BYTES takes numbers as well",
  ),
  outputs: tensorDescriptions,
})

export const modelReadySchema = z.object({ name: z.string(), ready: z.boolean() })

export const modelStatusSchema = z.object({
  name: z.string(),
  ready: z.boolean(),
  model_version_status: z.array(
    z.object({
      version: z.string().describe("The experiment's revision"),
      state: z.enum(["AVAILABLE", "LOADING"]),
      status: z.object({ error_code: z.string(), error_message: z.string() }),
    }),
  ),
})

export const modelListSchema = z.object({ models: z.array(z.string()) })
export const serverLiveSchema = z.object({ live: z.literal(true) })
export const serverReadySchema = z.object({ ready: z.boolean(), live: z.boolean() })
export const inferenceErrorSchema = z.object({ error: z.string() })
