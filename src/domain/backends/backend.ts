import * as z from "zod"
import { DATATYPES } from "./datatypes.ts"

/** What a target is called in TARGETS_FILE, a model in MODELS_DIR or at its server. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/
/** RFC 6901: empty for the whole, else steps that begin with a slash. */
const JSON_POINTER = /^(?:\/[^/]*)*$/
/** As SageMaker has it: a path below the models of the endpoint. */
const TARGET_MODEL = /^[A-Za-z0-9][A-Za-z0-9_./-]{0,255}$/
const PRODUCTION_VARIANT = /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/
const MAX_FEATURES = 1024
const MAX_INPUTS = 64

const name = z.string().regex(NAME, "must be 1 to 64 letters, digits, dots, hyphens or underscores")
const feature = z.string().min(1).max(128)
const features = z.array(feature).min(1).max(MAX_FEATURES)
const pointer = z.string().max(256).regex(JSON_POINTER, 'must be a JSON pointer: empty, or steps such as "/score"')

/** FP16 has no JSON form that all servers read. */
const datatype = z.enum(DATATYPES).exclude(["FP16"])

const inputSchema = z.strictObject({
  name: z.string().min(1).max(128).describe("The tensor's name at the server"),
  datatype: datatype.describe("BYTES for text"),
  features: features.describe("Its columns, in order: the tensor has a row for each instance"),
})

const requestSchema = z.strictObject({
  inputs: z
    .array(inputSchema)
    .min(1)
    .max(MAX_INPUTS)
    .optional()
    .describe("Named tensors (targets of open-inference-v2 only)"),
  features: features.optional().describe("The features to send, in this order; all of them when left out"),
  form: z
    .enum(["object", "row", "csv"])
    .optional()
    .describe(
      "What an instance becomes: an object, a list of the values of `features`, or a line of them; object when left out",
    ),
  body: z
    .unknown()
    .optional()
    .describe(
      'JSON around the instances (json and sagemaker): the text "$instances" stands for the list of all, "$instance" for one, and then each instance is a request',
    ),
})

const responseSchema = z.strictObject({
  output: z.string().min(1).max(128).optional().describe("Which tensor (open-inference-v2); the first when left out"),
  column: z
    .number()
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe("Which number of a row of several, from 0; must be given where a row has several"),
  pointer: pointer
    .optional()
    .describe(
      "JSON pointer to the list of predictions, or to the one prediction of a single instance (json and sagemaker)",
    ),
  item: pointer.optional().describe("JSON pointer within each item of that list to its number"),
})

const timeoutMs = z
  .number()
  .int()
  .min(1)
  .max(60_000)
  .optional()
  .describe(
    "The most of the request's deadline that this model gets; up to four fifths where others may stand in when left out",
  )

const embedded = z.strictObject({ kind: z.literal("embedded"), model: name.describe("A folder of MODELS_DIR") })

const http = z.strictObject({
  kind: z.literal("http"),
  target: name.describe("A target of TARGETS_FILE"),
  model: name.optional().describe("Its name at the server (tensorflow-v1 and open-inference-v2)"),
  version: name.optional().describe("Its version at the server; the server's choice when left out"),
  timeoutMs,
  request: requestSchema.optional().describe("How features become the request; see docs/backends.md"),
  response: responseSchema.optional().describe("Where the prediction is in the answer"),
})

const sagemaker = z.strictObject({
  kind: z.literal("sagemaker"),
  target: name.describe("A target of TARGETS_FILE"),
  variant: z
    .string()
    .regex(PRODUCTION_VARIANT, "must be 1 to 63 letters, digits or hyphens")
    .optional()
    .describe("TargetVariant: a production variant of the endpoint"),
  model: z
    .string()
    .regex(TARGET_MODEL, "must be 1 to 256 letters, digits, dots, slashes, hyphens or underscores")
    .optional()
    .describe("TargetModel: a model of a multi-model endpoint"),
  mode: z
    .enum(["invoke", "async"])
    .default("invoke")
    .describe("invoke: real-time and serverless endpoints; async: the answer is where the prediction will be"),
  contentType: z
    .enum(["application/json", "text/csv"])
    .optional()
    .describe("What the model is sent; text/csv where `request.form` is csv, else application/json"),
  timeoutMs,
  request: requestSchema.optional().describe("How features become the request; see docs/backends.md"),
  response: responseSchema.optional().describe("Where the prediction is in the answer"),
})

/** `backend` of a variant. Whether it fits its target is for `targetProblem`. */
export const backendSchema = z.discriminatedUnion("kind", [embedded, http, sagemaker], {
  error: (issue) => (issue.code === "invalid_union" ? "must be embedded, http or sagemaker" : undefined),
})

/** What answers for a variant. */
export type Backend = z.output<typeof backendSchema>
export type EmbeddedBackend = z.output<typeof embedded>
/** A backend that is elsewhere. */
export type RemoteBackend = HttpBackend | SageMakerBackend
export type HttpBackend = z.output<typeof http>
export type SageMakerBackend = z.output<typeof sagemaker>
/** How features become a request. */
export type RequestForm = z.output<typeof requestSchema>
/** Where the prediction is in an answer. */
export type ResponseForm = z.output<typeof responseSchema>

/** Whether it answers later, at another place. */
export function isAsync(backend: Backend): boolean {
  return backend.kind === "sagemaker" && backend.mode === "async"
}

/** What is answered where no variant can: `staticAnswer` of a document. */
export const staticAnswerSchema = z.strictObject({
  prediction: z
    .number()
    .optional()
    .describe("The prediction of every instance, for callers whose request the gateway read"),
  body: z.string().max(16_384).optional().describe("The body for callers whose request it passed through"),
  contentType: z.string().min(1).max(128).default("application/json").describe("Of that body"),
})

export type StaticAnswer = z.output<typeof staticAnswerSchema>
