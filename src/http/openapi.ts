import * as z from "zod"
import { type ErrorCode, GatewayError } from "../domain/errors.ts"
import { DIALECT_PROBLEMS, dialectStatus } from "./contract/dialects/dialect.ts"
import {
  BODY_PROBLEMS,
  COMMON_PROBLEMS,
  type Content,
  type Operation,
  type OperationAnswer,
  partitionOf,
  type RequestBody,
} from "./contract/operation.ts"
import { OPERATIONS } from "./contract/operations.ts"
import { IN_A_LINE, MAX_REWARDS } from "./contract/reward-body.ts"
import { NAMED_SCHEMAS, type SchemaName } from "./contract/schemas.ts"
import { shedCode } from "./overload/shed-answer.ts"
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

/** An experiment document's schema by itself, as people write it. */
export function experimentJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(NAMED_SCHEMAS.Experiment, { io: "input", target: "draft-2020-12" })
  return { ...schema, title: "Experiment document of bandit-gateway" }
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
      {
        name: "Dialects",
        description:
          "The same under the protocols of other model servers: a client moves by changing its base URL. Errors have the protocol's own form. Not for browsers.",
      },
      {
        name: "Experiments",
        description: "Edit what is served, read what is known, why a choice is made and who changed what.",
      },
      { name: "Keys", description: "Make, list and revoke API keys." },
      { name: "Operations", description: "Health, metrics and this contract." },
    ],
    paths: mapped(byPath, (operations) => mapped(new Map(operations.map((one) => [one.method, one])), toOperation)),
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        apiKey: {
          type: "http",
          scheme: "bearer",
          description:
            "A key of API_KEYS, or one made under /admin/keys. Not needed where neither API_KEYS nor OIDC_ISSUER is set.",
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
  for (const [id, { $schema: _, $id: __, id: ___, ...schema }] of Object.entries(generated))
    schemas[id] = withPlainTuples(schema) as JsonSchema
  // JSON Schema says these in ways that zod refinements can't be translated to.
  const { Experiment: experiment } = schemas
  for (const name of ["PredictRequest", "FeatureRequest"] as const) {
    schemas[name] = { ...schemas[name], oneOf: [{ required: ["features"] }, { required: ["instances"] }] }
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
      description: sizeOf(request),
      required: true,
      content: toContents(request.contents),
    },
    responses: {
      ...mapped(new Map(answers.map((one) => [one.status, one])), toAnswer),
      ...mapped(
        Map.groupBy(problemsOf(operation), (code) => statusOf(operation, code)),
        (codes) => toProblemAnswer(operation, codes),
      ),
    },
  }
}

/** Every problem that an operation can answer. */
export function problemsOf(operation: Operation): readonly ErrorCode[] {
  const { permission, request, problems = [], path, method } = operation
  const forBodies = request === undefined ? [] : BODY_PROBLEMS
  const forKeys: readonly ErrorCode[] = permission === undefined ? [] : ["unauthorized", "forbidden", "rate_limited"]
  const forAdmin: readonly ErrorCode[] = path.startsWith("/admin/") ? ["identity_unavailable"] : []
  const forChanges: readonly ErrorCode[] = forAdmin.length > 0 && method !== "get" ? ["origin_not_allowed"] : []
  const partition = partitionOf(operation)
  const whenOverloaded = partition === undefined ? [] : [shedCode(partition)]
  const forCallers = [...forKeys, ...forAdmin, ...forChanges, ...whenOverloaded]
  return [...new Set([...forBodies, ...problems, ...forCallers, ...COMMON_PROBLEMS])]
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

function toSchemas({ mediaType, schemas = [], list = false }: Content): JsonSchema[] {
  if (mediaType === "application/x-ndjson")
    return [{ type: "string", pattern: IN_A_LINE, description: "A JSON document a line" }]
  if (!list) return schemas.map((name) => ({ $ref: refTo(name) }))
  return schemas.map((name) => ({ type: "array", minItems: 1, maxItems: MAX_REWARDS, items: judgedAlone(name) }))
}

/** An item that does not fit spoils only itself: the list is taken all the same. */
function judgedAlone(name: SchemaName): JsonSchema {
  return { anyOf: [{ $ref: refTo(name) }, { description: "Anything else is refused in its place of the answer" }] }
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

/** How large a body may be, in words. */
export function sizeOf({ maxBytes, maxPassedBytes }: RequestBody): string {
  const least = `At most ${maxBytes.toLocaleString("en")} bytes`
  if (maxPassedBytes === undefined) return least
  return `${least}; up to ${maxPassedBytes.toLocaleString("en")} where the experiment's models are asked with the body as it is`
}

function statusOf({ dialect }: Operation, code: ErrorCode): number {
  const { status } = PROBLEMS[code]
  return dialect === undefined ? status : dialectStatus(dialect, code, status)
}

/** Codes that share a status share an answer, with one example each. Of a dialect only what is refused unread is a problem document. */
function toProblemAnswer(operation: Operation, codes: readonly ErrorCode[]): Record<string, unknown> {
  const { dialect } = operation
  const partition = partitionOf(operation)
  const unread = partition === undefined ? COMMON_PROBLEMS : [...COMMON_PROBLEMS, shedCode(partition)]
  const documents = dialect === undefined ? codes : codes.filter((code) => unread.includes(code))
  const examples = documents.map((code) => [code, { value: toProblem(new GatewayError(code)) }])
  const asDocument = { schema: { $ref: refTo("Problem") }, examples: Object.fromEntries(examples) }
  return {
    description: codes.map((code) => PROBLEMS[code].title).join("; "),
    content: {
      ...(dialect && { "application/json": { schema: { $ref: refTo(DIALECT_PROBLEMS[dialect].schema) } } }),
      ...(documents.length > 0 && { "application/problem+json": asDocument }),
    },
  }
}
