import * as z from "zod"
import { MAX_REWARD } from "../../../domain/metric.ts"
import { plainPredictionSchema } from "../answers.ts"
import { MAX_FEATURES } from "../features.ts"
import { MAX_INSTANCES, unitId } from "../predict-body.ts"
import { TOKEN_LIKE } from "../reward-body.ts"

const MAX_PUID_LENGTH = 128

const meta = z
  .looseObject({
    puid: z.string().max(MAX_PUID_LENGTH).optional().describe("The caller's id of the request; given back"),
    tags: z
      .looseObject({ unitId: unitId.optional().describe("What is randomised, where X-Unit-Id doesn't name it") })
      .optional(),
  })
  .optional()

const scalar = z.union([z.string(), z.number(), z.boolean()], "must be text, a number or a boolean")

const tensor = z.object({
  shape: z.tuple([z.int().min(1).max(MAX_INSTANCES), z.int().min(1).max(MAX_FEATURES)]).describe("[rows, features]"),
  values: z.array(z.number()).describe("Row by row"),
})

/** `POST …/api/v1.0/predictions` where the gateway reads it: `data` with rows, or `jsonData`. What it doesn't name is not looked at. */
export const seldonRequestSchema = z
  .object({
    meta,
    data: z
      .object({
        names: z.array(z.string()).min(1).max(MAX_FEATURES).describe("The features, one for each column"),
        ndarray: z.array(z.array(scalar)).min(1).max(MAX_INSTANCES).optional().describe("A row for each prediction"),
        tensor: tensor.optional().describe("The same with numbers only"),
      })
      .optional(),
    jsonData: z.unknown().optional().describe("A FeatureBody, instead of data"),
  })
  .meta({ id: "SeldonRequest" })

export type SeldonRequest = z.output<typeof seldonRequestSchema>

/** `POST …/api/v1.0/feedback`. */
export const seldonFeedbackSchema = z
  .object({
    response: z
      .object({
        meta: z.object({
          tags: z.object({
            decision: z.string().describe("The decision token, as it was answered").meta({ pattern: TOKEN_LIKE }),
          }),
        }),
      })
      .describe("What was answered to the prediction; members besides are not looked at"),
    reward: z
      .number()
      .optional()
      .describe("0 when left out, since clients leave zeros out")
      .meta({ minimum: -MAX_REWARD, maximum: MAX_REWARD }),
  })
  .meta({ id: "SeldonFeedback" })

const answeredMeta = z.object({
  puid: z.string(),
  tags: z.object({ decision: z.string().max(200), variant: z.string() }),
  routing: z.record(z.string(), z.int()).describe("The experiment, and the index of its variant"),
})

const names = z.array(z.string())

export const seldonAnswerSchema = z.object({
  meta: answeredMeta,
  data: z
    .union([
      z.object({ names, ndarray: z.array(z.array(z.number()).length(1)) }),
      z.object({ names, tensor: z.object({ shape: z.array(z.int()).length(2), values: z.array(z.number()) }) }),
    ])
    .optional(),
  jsonData: plainPredictionSchema.optional(),
})

export const seldonFeedbackAnswerSchema = z.object({
  meta: z.object({ tags: z.object({ status: z.enum(["applied", "duplicate", "accepted"]) }) }),
  data: z.object({ ndarray: z.array(z.unknown()).length(0) }),
})

/** What a model takes or answers: rows of named columns. */
const rowsSchema = z.object({
  messagetype: z.literal("ndarray"),
  schema: z.object({
    names,
    shape: z.array(z.int()).optional().describe("Of a row; left out where columns may be left out"),
  }),
})

export const seldonModelMetadataSchema = z.object({
  name: z.string().describe("The variant's model"),
  versions: z.array(z.string()).describe("The variant"),
  platform: z.string(),
  inputs: z.array(rowsSchema).describe("Empty where the gateway doesn't know what the model reads"),
  outputs: z.array(rowsSchema).describe("Empty where bodies are passed on unread"),
})

export const seldonMetadataSchema = z.object({
  name: z.string().describe("The experiment"),
  models: z.record(z.string(), seldonModelMetadataSchema).describe("By variant"),
  graphinputs: z.array(rowsSchema).describe("All that some variant reads"),
  graphoutputs: z.array(rowsSchema),
})

export const seldonHealthSchema = z.object({ meta: z.object({}), strData: z.literal("healthy") })

export const seldonErrorSchema = z.object({
  status: z.object({ code: z.int(), info: z.string(), reason: z.string(), status: z.int() }),
})
