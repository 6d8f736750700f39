import * as z from "zod"
import type { InputError } from "../../domain/errors.ts"

export const MAX_FEATURES = 256
export const MAX_NAME_LENGTH = 128
export const MAX_TEXT_LENGTH = 1024
/** Beyond 2^53 a JSON number no longer says which integer was meant. */
export const MAX_NUMBER = Number.MAX_SAFE_INTEGER

/** Names that every object inherits. Looking such a feature up would find something where it was not sent, and copying `__proto__` would set a prototype. */
const INHERITED = new Set(Object.getOwnPropertyNames(Object.prototype))

/** The contract of a feature object. `readFeatures` is the same rule as a flat loop, because this one costs ten times as much per request. */
export const featuresSchema = z
  .record(
    z
      .string()
      .min(1)
      .max(MAX_NAME_LENGTH)
      .refine((name) => !INHERITED.has(name), "names a member of every object")
      .refine((name) => name.isWellFormed(), "has a lone surrogate")
      .meta({ not: { enum: [...INHERITED] } }),
    z.union([
      z
        .string()
        .max(MAX_TEXT_LENGTH)
        .refine((text) => text.isWellFormed(), "has a lone surrogate"),
      z.number().min(-MAX_NUMBER).max(MAX_NUMBER),
      z.boolean(),
    ]),
  )
  .refine((features) => Object.keys(features).length <= MAX_FEATURES, `has more than ${MAX_FEATURES} features`)
  .meta({
    id: "Features",
    description: "Feature name to value: text, finite numbers within ±(2^53 - 1), booleans",
    maxProperties: MAX_FEATURES,
  })

export type FeatureValues = Record<string, string | number | boolean>

/**
 * Checks one feature object in place. -0 becomes 0.
 *
 * @param pointer where it is in the body
 * @param errors what is wrong is added here; more than a handful stops the reading
 * @param wellFormed whether it is known that every text is well-formed
 */
export function readFeatures(value: unknown, pointer: string, errors: InputError[], wellFormed = false): FeatureValues {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    errors.push({ pointer, detail: "must be an object of feature names and values" })
    return {}
  }
  const features = value as FeatureValues
  let count = 0
  // A parsed object inherits nothing enumerable, and this loop costs a third of one over Object.keys.
  for (const name in features) {
    if (++count > MAX_FEATURES) {
      errors.push({ pointer, detail: `must have at most ${MAX_FEATURES} features` })
      return features
    }
    const feature = features[name]
    const problem = nameProblem(name, wellFormed) ?? valueProblem(feature, wellFormed)
    if (problem !== undefined) errors.push({ pointer: `${pointer}/${escapePointer(name)}`, detail: problem })
    else if (feature === 0) features[name] = 0
  }
  return features
}

function nameProblem(name: string, wellFormed: boolean): string | undefined {
  if (name.length === 0 || name.length > MAX_NAME_LENGTH) return `a feature name has 1 to ${MAX_NAME_LENGTH} characters`
  if (INHERITED.has(name)) return "a feature can't be named like a member of every object"
  return wellFormed || name.isWellFormed() ? undefined : "a feature name can't hold half a surrogate pair"
}

function valueProblem(value: unknown, wellFormed: boolean): string | undefined {
  switch (typeof value) {
    case "string":
      if (value.length > MAX_TEXT_LENGTH) return `text has at most ${MAX_TEXT_LENGTH} characters`
      return wellFormed || value.isWellFormed() ? undefined : "text can't hold half a surrogate pair"
    case "number":
      return value >= -MAX_NUMBER && value <= MAX_NUMBER ? undefined : "a number must be finite and within ±(2^53 - 1)"
    case "boolean":
      return undefined
    default:
      return "must be text, a number or a boolean; leave a feature without a value out"
  }
}

/** RFC 6901, and nothing that would echo an arbitrary name: long or strange ones are cut to a star. */
function escapePointer(name: string): string {
  return /^[\w .:-]{1,64}$/.test(name) ? name : "*"
}
