import * as z from "zod"
import { GatewayError } from "../../../domain/errors.ts"
import { featuresSchema } from "../features.ts"
import { MAX_INSTANCES, type PredictBody, readPredictBody, unitId } from "../predict-body.ts"
import { unknownMembers } from "../unknown-members.ts"

/** `POST /v1/models/{name}:predict` as JSON schema. `readTensorFlowRequest` is the same contract. */
export const tensorFlowRequestSchema = z
  .strictObject({
    instances: z.array(featuresSchema).min(1).max(MAX_INSTANCES).describe("A feature object for each prediction"),
    signature_name: z.unknown().optional().describe("Not looked at: an experiment has one way to be asked"),
    unitId: unitId.optional().describe("What is randomised, where X-Unit-Id doesn't name it"),
    context: featuresSchema.optional().describe("What a contextual policy may look at"),
  })
  .meta({ id: "TensorFlowRequest" })

export const tensorFlowAnswerSchema = z.object({ predictions: z.array(z.number()).min(1).max(MAX_INSTANCES) })

const MEMBERS = Object.keys(tensorFlowRequestSchema.shape)
const OTHER_WORDS = new Map(
  Object.entries({
    instances: ["instance", "inputs", "input", "rows"],
    signature_name: ["signature"],
    unitId: ["unit", "user", "userid"],
    context: ["ctx"],
  }).flatMap(([member, words]) => words.map((word) => [word, member] as const)),
)

/** Reads a parsed body. @throws GatewayError `not_an_object`, or `validation_failed` with a pointer per mistake */
export function readTensorFlowRequest(body: unknown, wellFormed = false): PredictBody {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new GatewayError("not_an_object", { detail: "The body must be a JSON object with instances." })
  }
  const { signature_name: _, ...members }: Record<string, unknown> = { ...body }
  const unknown = Object.keys(members).filter((name) => !MEMBERS.includes(name))
  if (unknown.length > 0) {
    throw new GatewayError("validation_failed", { errors: unknownMembers(unknown, MEMBERS, OTHER_WORDS) })
  }
  return readPredictBody({ ...members, instances: members["instances"] ?? null }, wellFormed)
}
