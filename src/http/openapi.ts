import * as z from "zod"
import { type ErrorCode, GatewayError } from "../domain/errors.ts"
import {
  BODY_PROBLEMS,
  COMMON_PROBLEMS,
  type Content,
  type Operation,
  type OperationAnswer,
} from "./contract/operation.ts"
import { OPERATIONS } from "./contract/operations.ts"
import { MAX_REWARDS } from "./contract/reward-body.ts"
import { NAMED_SCHEMAS } from "./contract/schemas.ts"
import { PROBLEMS, toProblem } from "./problem.ts"

export type JsonSchema = z.core.JSONSchema.BaseSchema

const DESCRIPTION =
  "A multi-armed-bandit experimentation gateway for model serving. Ask for a prediction: it chooses one variant of a model for the unit, predicts with " +
  "it and answers with a decision token. Send the token back with a reward: it learns which variant earns more."

/** The HTTP contract as OpenAPI 3.1, from the schemas that requests are read with. */
export type OpenApiDocument = ReturnType<typeof assemble>

let assembled: OpenApiDocument | undefined

/** Assembled at the first call: a start that nobody asks for its contract doesn't pay for it. */
export function openApiDocument(): OpenApiDocument {
  assembled ??= assemble()
  return assembled
}

function assemble() {
  const byPath = Map.groupBy(OPERATIONS, ({ path }) => path)
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
    paths: mapped(byPath, (operations) => mapped(new Map(operations.map((one) => [one.method, one])), toOperation)),
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

/** A map as the object that JSON has for it, each value turned into another. */
function mapped<Value, Written>(
  entries: ReadonlyMap<string | number, Value>,
  write: (value: Value) => Written,
): Record<string, Written> {
  return Object.fromEntries([...entries].map(([key, value]) => [key, write(value)]))
}

function componentSchemas(): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(NAMED_SCHEMAS)) registry.add(schema, { id })
  const generated = z.toJSONSchema(registry, { io: "input", target: "draft-2020-12", uri: refTo }).schemas
  const schemas: Record<string, JsonSchema> = {}
  for (const [id, { $schema: _, $id: __, id: ___, ...schema }] of Object.entries(generated)) schemas[id] = schema
  // JSON Schema says this in a way that the zod refinement can't be translated to.
  const { PredictRequest: request, Experiment: experiment } = schemas
  schemas["PredictRequest"] = { ...request, oneOf: [{ required: ["features"] }, { required: ["instances"] }] }
  schemas["PublishedExperiment"] = {
    ...experiment,
    description: "An Experiment with its revision, defaults filled in",
    properties: { revision: { type: "integer", minimum: 1 }, ...experiment?.properties },
    required: ["revision", ...(experiment?.required ?? [])],
  }
  return schemas
}

function refTo(id: string): string {
  return `#/components/schemas/${id}`
}

/** What is undefined is not in the document. */
function toOperation(operation: Operation): Record<string, unknown> {
  const { id, tag, summary, description, permission, parameters, request, answers } = operation
  return {
    operationId: id,
    tags: [tag],
    summary,
    description,
    security: permission && [{ apiKey: [] }, {}],
    "x-permission": permission,
    parameters,
    requestBody: request && {
      description: `At most ${request.maxBytes} bytes`,
      required: true,
      content: toContents(request.contents),
    },
    responses: {
      ...mapped(new Map(answers.map((one) => [one.status, one])), toAnswer),
      ...mapped(
        Map.groupBy(problemsOf(operation), (code) => PROBLEMS[code].status),
        toProblemAnswer,
      ),
    },
  }
}

/** Every problem that an operation can answer. */
export function problemsOf(operation: Operation): readonly ErrorCode[] {
  const { permission, request, problems = [] } = operation
  const forBodies = request === undefined ? [] : BODY_PROBLEMS
  const forKeys: readonly ErrorCode[] = permission === undefined ? [] : ["unauthorized", "forbidden"]
  return [...new Set([...forBodies, ...problems, ...forKeys, ...COMMON_PROBLEMS])]
}

function toContents(contents: readonly Content[]): Record<string, unknown> {
  return mapped(
    Map.groupBy(contents, ({ mediaType }) => mediaType),
    (alternatives) => {
      const schemas = alternatives.flatMap(toSchemas)
      const examples = alternatives.flatMap(({ example, list = false }) =>
        example === undefined ? [] : [[list ? "batch" : "example", { value: example }] as const],
      )
      return {
        schema: schemas.length > 1 ? { anyOf: schemas } : schemas[0],
        examples: examples.length === 0 ? undefined : Object.fromEntries(examples),
      }
    },
  )
}

function toSchemas({ schemas = [], list = false }: Content): JsonSchema[] {
  const references = schemas.map((name) => ({ $ref: refTo(name) }))
  return list ? references.map((items) => ({ type: "array", minItems: 1, maxItems: MAX_REWARDS, items })) : references
}

function toAnswer({ description, content, headers }: OperationAnswer): Record<string, unknown> {
  return {
    description,
    headers:
      headers &&
      mapped(new Map(Object.entries(headers)), (text) => ({ description: text, schema: { type: "string" } })),
    content: content && toContents(content),
  }
}

/** Codes that share a status share an answer, with one example each. */
function toProblemAnswer(codes: readonly ErrorCode[]): Record<string, unknown> {
  const examples = codes.map((code) => [code, { value: toProblem(new GatewayError(code)) }])
  return {
    description: codes.map((code) => PROBLEMS[code].title).join("; "),
    content: {
      "application/problem+json": { schema: { $ref: refTo("Problem") }, examples: Object.fromEntries(examples) },
    },
  }
}
