import * as z from "zod"
import type { ErrorCode } from "../domain/errors.ts"
import { GatewayError } from "../domain/errors.ts"
import { experimentSchema } from "../domain/experiment.ts"
import {
  allocationSchema,
  experimentListSchema,
  explanationSchema,
  healthcheckSchema,
  livenessSchema,
  predictAnswerSchema,
  problemSchema,
  readinessSchema,
  rewardBatchAnswerSchema,
  rewardReceiptSchema,
  statisticsSchema,
} from "./contract/answers.ts"
import { featuresSchema } from "./contract/features.ts"
import { COMMON_PROBLEMS, type Content, type Operation, type OperationAnswer } from "./contract/operation.ts"
import { OPERATIONS } from "./contract/operations.ts"
import { predictBodySchema } from "./contract/predict-body.ts"
import { rewardItemSchema } from "./contract/reward-body.ts"
import { PROBLEMS, toProblem } from "./problem.ts"

export type JsonSchema = z.core.JSONSchema.BaseSchema

/** Schemas that have a name in the document. */
const NAMED = {
  PredictRequest: predictBodySchema,
  Features: featuresSchema,
  PredictAnswer: predictAnswerSchema,
  RewardItem: rewardItemSchema,
  RewardReceipt: rewardReceiptSchema,
  RewardBatchAnswer: rewardBatchAnswerSchema,
  Experiment: experimentSchema,
  ExperimentList: experimentListSchema,
  Statistics: statisticsSchema,
  Allocation: allocationSchema,
  Explanation: explanationSchema,
  Problem: problemSchema,
  Liveness: livenessSchema,
  Healthcheck: healthcheckSchema,
  Readiness: readinessSchema,
} as const satisfies Record<string, z.ZodType>

const DESCRIPTION =
  "A multi-armed-bandit experimentation gateway for model serving. Ask for a prediction: it chooses one variant of a model for the unit, predicts with " +
  "it and answers with a decision token. Send the token back with a reward: it learns which variant earns more."

/** The HTTP contract as OpenAPI 3.1, from the schemas that requests are read with. */
export interface OpenApiDocument {
  readonly openapi: "3.1.0"
  readonly info: {
    readonly title: string
    readonly version: string
    readonly summary: string
    readonly description: string
  }
  readonly servers: readonly { readonly url: string }[]
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>
    readonly securitySchemes: Readonly<Record<string, unknown>>
  }
}

let assembled: OpenApiDocument | undefined

/** Assembled at the first call: a start that nobody asks for its contract doesn't pay for it. */
export function openApiDocument(): OpenApiDocument {
  assembled ??= assemble()
  return assembled
}

function assemble(): OpenApiDocument {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: toOperation(operation) }
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "bandit-gateway",
      version: "0.1.0",
      summary: "Chooses, predicts, learns",
      description: DESCRIPTION,
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "Predict", description: "Ask for predictions; each is one decision." },
      { name: "Reward", description: "Say what a decision earned." },
      { name: "Experiments", description: "Read what is served, what is known and why a choice is made." },
      { name: "Operations", description: "Health, metrics and this contract." },
    ],
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        apiKey: {
          type: "http",
          scheme: "bearer",
          description: "A key of API_KEYS. Not needed where none are configured.",
        },
      },
    },
  }
}

/** Text without control characters, line and paragraph separators. */
const NO_CONTROLS = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$"

function componentSchemas(): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(NAMED)) registry.add(schema, { id })
  const generated = z.toJSONSchema(registry, { io: "input", target: "draft-2020-12", uri: refTo }).schemas
  const schemas: Record<string, JsonSchema> = {}
  for (const [id, { $schema: _, $id: __, id: ___, ...schema }] of Object.entries(generated))
    schemas[id] = withPlainTuples(schema) as JsonSchema
  // JSON Schema says these in ways that zod refinements can't be translated to.
  const { PredictRequest: request, Experiment: experiment } = schemas
  const unitId = request?.properties?.["unitId"]
  schemas["PredictRequest"] = {
    ...request,
    properties: { ...request?.properties, unitId: { ...(unitId as JsonSchema), pattern: NO_CONTROLS } },
    oneOf: [{ required: ["features"] }, { required: ["instances"] }],
  }
  schemas["PublishedExperiment"] = {
    ...experiment,
    description: "An Experiment with its revision, defaults filled in",
    properties: { revision: { type: "integer", minimum: 1 }, ...experiment?.properties },
    required: ["revision", ...(experiment?.required ?? [])],
  }
  return schemas
}

/** A tuple of equals as a list of that length: few generators and checkers read `prefixItems`. */
function withPlainTuples(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withPlainTuples)
  if (typeof schema !== "object" || schema === null) return schema
  const members = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, withPlainTuples(value)]))
  const { prefixItems, ...rest } = members
  if (!Array.isArray(prefixItems) || new Set(prefixItems.map((one) => JSON.stringify(one))).size !== 1) return members
  return { ...rest, items: prefixItems[0], minItems: prefixItems.length, maxItems: prefixItems.length }
}

function refTo(id: string): string {
  return `#/components/schemas/${id}`
}

function toOperation(operation: Operation): Record<string, unknown> {
  const { id, tag, summary, description, permission, parameters, request } = operation
  return {
    operationId: id,
    tags: [tag],
    summary,
    description,
    ...(permission === undefined ? {} : { security: [{ apiKey: [] }, {}], "x-permission": permission }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(request === undefined ? {} : { requestBody: { required: true, content: toContents(request) } }),
    responses: { ...toAnswers(operation.answers), ...toProblemAnswers(problemsOf(operation)) },
  }
}

/** Every problem that an operation can answer. */
export function problemsOf(operation: Operation): readonly ErrorCode[] {
  const forKeys: readonly ErrorCode[] = operation.permission === undefined ? [] : ["unauthorized", "forbidden"]
  return [...new Set([...(operation.problems ?? []), ...forKeys, ...COMMON_PROBLEMS])]
}

function toContents(contents: readonly Content[]): Record<string, unknown> {
  return Object.fromEntries(
    [...Map.groupBy(contents, ({ mediaType }) => mediaType)].map(([mediaType, alternatives]) => [
      mediaType,
      { ...toSchema(alternatives), ...toExamples(alternatives) },
    ]),
  )
}

function toSchema(alternatives: readonly Content[]): Record<string, unknown> {
  const schemas = alternatives.flatMap(({ schemas = [], list = false }) =>
    schemas.map((id) =>
      list ? { type: "array", minItems: 1, maxItems: 1000, items: judgedAlone(id) } : { $ref: refTo(id) },
    ),
  )
  if (schemas.length === 0) return {}
  return { schema: schemas.length === 1 ? schemas[0] : { anyOf: schemas } }
}

/** An item that does not fit spoils only itself: the list is taken all the same. */
function judgedAlone(id: string): Record<string, unknown> {
  return { anyOf: [{ $ref: refTo(id) }, { description: "Anything else is refused in its place of the answer" }] }
}

function toExamples(alternatives: readonly Content[]): Record<string, unknown> {
  const examples = alternatives.flatMap(({ example, list }) =>
    example === undefined ? [] : [[list === true ? "batch" : "example", { value: example }] as const],
  )
  return examples.length === 0 ? {} : { examples: Object.fromEntries(examples) }
}

function toAnswers(answers: readonly OperationAnswer[]): Record<string, unknown> {
  return Object.fromEntries(
    answers.map(({ status, description, content, headers }) => [
      String(status),
      {
        description,
        ...(headers === undefined ? {} : { headers: toHeaders(headers) }),
        ...(content === undefined ? {} : { content: toContents(content) }),
      },
    ]),
  )
}

function toHeaders(headers: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: "string" } }]),
  )
}

/** Problems by status, one example per code: codes that share a status share an answer. */
function toProblemAnswers(codes: readonly ErrorCode[]): Record<string, unknown> {
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      String(status),
      {
        description: group.map((code) => PROBLEMS[code].title).join("; "),
        content: {
          "application/problem+json": {
            schema: { $ref: refTo("Problem") },
            examples: Object.fromEntries(group.map((code) => [code, { value: toProblem(new GatewayError(code)) }])),
          },
        },
      },
    ]),
  )
}
