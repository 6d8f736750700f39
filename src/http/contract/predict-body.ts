import * as z from "zod"
import { GatewayError, type InputError } from "../../domain/errors.ts"
import { EXPERIMENT_ID } from "../../domain/ids.ts"
import { type FeatureValues, featuresSchema, readFeatures } from "./features.ts"
import { unknownMembers } from "./unknown-members.ts"

export const MAX_INSTANCES = 256
export const MAX_UNIT_LENGTH = 256
/** Whether a unit id has too many characters: code points, as JSON schema counts them, not UTF-16 units. */
export function isLongUnit(text: string): boolean {
  if (text.length <= MAX_UNIT_LENGTH) return false
  return text.length > 2 * MAX_UNIT_LENGTH || Array.from(text).length > MAX_UNIT_LENGTH
}

/** Controls, line and paragraph separators. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u

/** The same as JSON Schema has it, of the whole text. */
const NO_CONTROLS = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$"

export const unitId = z
  .string()
  .min(1)
  .refine((text) => !isLongUnit(text), `must have 1 to ${MAX_UNIT_LENGTH} characters`)
  .refine((text) => text.isWellFormed() && !CONTROL.test(text), "must be text without control characters")
  .meta({ maxLength: MAX_UNIT_LENGTH, pattern: NO_CONTROLS })

/** What is asked, whoever says of which experiment. */
const asked = {
  unitId: unitId.optional(),
  features: featuresSchema.optional(),
  instances: z.array(featuresSchema).min(1).max(MAX_INSTANCES).optional(),
  context: featuresSchema.optional(),
}

const hasEither = (body: { readonly features?: unknown; readonly instances?: unknown }): boolean =>
  (body.features === undefined) !== (body.instances === undefined)

/** `POST /predict` as JSON schema and type. `readPredictBody` is the same contract as a flat loop. */
export const predictBodySchema = z
  .strictObject({
    experiment: z.string().regex(EXPERIMENT_ID).optional(),
    ...asked,
    variant: z.string().min(1).max(32).optional(),
  })
  .refine(hasEither, "needs features or instances")
  .meta({ id: "PredictRequest" })

/** The same where the protocol itself names the experiment, and the variant to force. */
export const featureRequestSchema = z
  .strictObject(asked)
  .refine(hasEither, "needs features or instances")
  .meta({ id: "FeatureRequest" })

/** Where another protocol leaves the body to its model. */
export const featureBodySchema = z
  .union([featureRequestSchema, featuresSchema, z.array(featuresSchema).min(1).max(MAX_INSTANCES)])
  .meta({ id: "FeatureBody" })

/** A prediction request after reading: one instance, or a slate of them. */
export interface PredictBody {
  readonly experiment: string | undefined
  readonly unitId: string | undefined
  readonly instances: readonly FeatureValues[]
  readonly context: FeatureValues | undefined
  readonly slate: boolean
  readonly variant: string | undefined
  /** Where the features of a single instance are in the body: `/features`, the body itself, or `/instances/0`. */
  readonly featuresAt: "/features" | "/instances/0" | ""
}

const MEMBERS = Object.keys(predictBodySchema.shape)
const ENVELOPE = new Set(MEMBERS)
/** What other gateways and flag services call them. */
const OTHER_WORDS = new Map(
  Object.entries({
    unitId: [
      "unit",
      "user",
      "userid",
      "uid",
      "visitor",
      "visitorid",
      "session",
      "sessionid",
      "subject",
      "subjectkey",
      "targetingkey",
    ],
    experiment: ["exp", "experimentid", "experimentname", "campaign", "flag", "test"],
    features: ["feature", "input", "inputs", "data"],
    instances: ["rows", "slate", "candidates", "items"],
    context: ["attributes", "ctx"],
    variant: ["variation", "arm", "forcevariant", "forcedvariant", "variantid"],
  }).flatMap(([member, words]) => words.map((word) => [word, member] as const)),
)

/**
 * Reads a parsed body. A body with none of `experiment`, `features` and `instances` is taken whole as the features of the default experiment:
 * the flat request of a plain predictor.
 *
 * @param wellFormed whether it is known that every text in it is well-formed
 * @throws GatewayError `not_an_object`, or `validation_failed` with a pointer per mistake
 */
export function readPredictBody(body: unknown, wellFormed = false): PredictBody {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new GatewayError("not_an_object", { detail: "The body must be a JSON object." })
  }
  const record = body as Record<string, unknown>
  const errors: InputError[] = []
  if (!("experiment" in record || "features" in record || "instances" in record)) {
    const instances = [readFeatures(record, "", errors, wellFormed)]
    refuse(errors)
    return {
      experiment: undefined,
      unitId: undefined,
      instances,
      context: undefined,
      slate: false,
      variant: undefined,
      featuresAt: "",
    }
  }
  const unknown = Object.keys(record).filter((name) => !ENVELOPE.has(name))
  if (unknown.length > 0) errors.push(...unknownMembers(unknown, MEMBERS, OTHER_WORDS))
  const experiment = readText(record["experiment"], "/experiment", experimentProblem, errors)
  const unit = readText(record["unitId"], "/unitId", unitProblem, errors)
  const variant = readText(record["variant"], "/variant", variantProblem, errors)
  const context =
    record["context"] === undefined ? undefined : readFeatures(record["context"], "/context", errors, wellFormed)
  const { features, instances: list } = record
  const slate = list !== undefined
  if (slate === (features !== undefined)) errors.push({ pointer: "", detail: "must have either features or instances" })
  const instances = slate
    ? readInstances(list, errors, wellFormed)
    : features === undefined
      ? []
      : [readFeatures(features, "/features", errors, wellFormed)]
  refuse(errors)
  const featuresAt = slate ? "/instances/0" : "/features"
  return { experiment, unitId: unit, instances, context, slate, variant, featuresAt }
}

function readInstances(value: unknown, errors: InputError[], wellFormed: boolean): FeatureValues[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_INSTANCES) {
    errors.push({ pointer: "/instances", detail: `must be a list of 1 to ${MAX_INSTANCES} feature objects` })
    return []
  }
  return value.map((instance, index) => readFeatures(instance, `/instances/${index}`, errors, wellFormed))
}

function readText(
  value: unknown,
  pointer: string,
  problemOf: (text: string) => string | undefined,
  errors: InputError[],
): string | undefined {
  if (value === undefined) return undefined
  const problem = typeof value === "string" ? problemOf(value) : "must be text"
  if (problem !== undefined) errors.push({ pointer, detail: problem })
  return value as string
}

function experimentProblem(text: string): string | undefined {
  return EXPERIMENT_ID.test(text)
    ? undefined
    : "must be an experiment's id: 1 to 63 lower-case letters, digits or hyphens"
}

/** What is wrong with a unit's id, undefined where nothing is. */
export function unitProblem(text: string): string | undefined {
  if (text.length === 0 || isLongUnit(text)) return `must have 1 to ${MAX_UNIT_LENGTH} characters`
  return text.isWellFormed() && !CONTROL.test(text) ? undefined : "must be well-formed text without control characters"
}

function variantProblem(text: string): string | undefined {
  return text.length > 0 && text.length <= 32 ? undefined : "must be a variant's id"
}

/** A handful of mistakes helps; thousands only fill the answer. */
const MAX_REPORTED = 10

/** @throws GatewayError `validation_failed` where there are any */
export function refuse(errors: readonly InputError[]): void {
  if (errors.length > 0) throw new GatewayError("validation_failed", { errors: errors.slice(0, MAX_REPORTED) })
}
