import type { ErrorCode } from "../../../domain/errors.ts"
import { EXPERIMENT_NAME } from "../../../domain/ids.ts"
import { ANY_MEDIA_TYPE, jsonAnswer, type Operation, type Parameter, type RequestBody } from "../operation.ts"
import { rewardProblems } from "../reward-operations.ts"
import type { SchemaName } from "../schemas.ts"

/** A unit as a header names it. */
export const UNIT_IN_HEADER = "^[\\x21-\\x7e]{1,256}$"

export function segment(
  name: string,
  description: string,
  example: string,
  pattern = EXPERIMENT_NAME.source,
): Parameter {
  return { name, in: "path", required: true, description, schema: { type: "string", pattern }, example }
}

export const nameInPath = segment("name", "The experiment's id or one of its names", "banner-ctr")

export function inHeader(name: string, description: string, schema: Parameter["schema"]): Parameter {
  return { name, in: "header", required: false, description, schema }
}

export const unitHeader = inHeader("X-Unit-Id", "What is randomised: a user, a session", {
  type: "string",
  pattern: UNIT_IN_HEADER,
})

export const decided = {
  "x-decision": "The decision token: send it back with the reward",
  "x-variant": "The variant that was chosen",
  "x-decision-id": "The decision's id",
  "server-timing": "Milliseconds of deciding and of the backend",
}

/** What SageMaker takes at most. */
const MAX_PASSED_BYTES = 6_291_456

/** These protocols' clients name what type they like, or none. */
export function bodyLike(schema: SchemaName, example: unknown): RequestBody {
  const schemas = [schema]
  const contents = [
    { mediaType: "application/json", schemas, example },
    { mediaType: ANY_MEDIA_TYPE, schemas },
  ]
  return { maxBytes: 65_536, contents }
}

/** A body that goes on to models that speak the protocol. */
export function passedBodyLike(schema: SchemaName, example: unknown): RequestBody {
  return { ...bodyLike(schema, example), maxPassedBytes: MAX_PASSED_BYTES }
}

export const answersLike = (schema: SchemaName, example?: unknown) => [
  { ...jsonAnswer(200, "The prediction", schema, example), headers: decided },
]

export const asked: readonly ErrorCode[] = ["experiment_not_found", "origin_not_allowed"]

const predictProblems: readonly ErrorCode[] = [
  ...asked,
  "validation_failed",
  "features_invalid",
  "backend_failed",
  "deadline_exceeded",
]

const creditProblems: readonly ErrorCode[] = [...asked, ...rewardProblems]

const spoken = { tag: "Dialects", scope: "handler" } as const satisfies Partial<Operation>
/** Asks what is served and how. */
export const get = { ...spoken, method: "get", partition: "predict" } as const satisfies Partial<Operation>
/** Asks whether something is well. */
export const probes = { ...spoken, method: "get", partition: "exempt" } as const satisfies Partial<Operation>
export const post = { ...spoken, method: "post" } as const satisfies Partial<Operation>
export const predicts = {
  ...post,
  partition: "predict",
  permission: "predict",
  problems: predictProblems,
} as const satisfies Partial<Operation>
export const credits = { ...post, partition: "reward", problems: creditProblems } as const satisfies Partial<Operation>
