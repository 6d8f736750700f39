import * as z from "zod"
import { invalidArtifact } from "./invalid-artifact.ts"

/** Largest table that a signed 32-bit hash can fill; scikit-learn's own limit. */
const MOST_BUCKETS = 2_147_483_647

/** Model and file names: one path segment that can't leave its folder. */
export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const NAME_RULE = "must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or a digit"

const fieldSchema = z.strictObject({
  name: z.string().min(1).max(128),
  from: z.string().min(1).max(128).optional(),
  as: z.enum(["datetime", "hourOfDay", "weekday"]).optional(),
})

const modelSchema = z
  .strictObject({
    kind: z.literal("hashed-logistic"),
    name: z.string().regex(NAME_PATTERN, NAME_RULE),
    version: z.string().min(1).max(64),
    buckets: z.int().min(1).max(MOST_BUCKETS),
    weights: z.string().regex(NAME_PATTERN, NAME_RULE),
    tokens: z.enum(["raw", "prefixed"]),
    fields: z.array(fieldSchema).min(1).max(256),
  })
  .check((context) => {
    const seen = new Set<string>()
    for (const [index, field] of context.value.fields.entries()) {
      if (seen.has(field.name)) {
        context.issues.push({
          code: "custom",
          path: ["fields", index, "name"],
          input: field.name,
          message: "must not repeat an earlier field's name",
        })
      }
      seen.add(field.name)
    }
  })

/** A checked `model.json`. */
export type ModelDocument = z.infer<typeof modelSchema>

/** @throws GatewayError `config_invalid` that lists every place that is wrong */
export function parseModelDocument(document: unknown): ModelDocument {
  const parsed = modelSchema.safeParse(document)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.map((issue) => ({
    pointer: issue.path.map((segment) => `/${String(segment).replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""),
    detail: issue.message,
  }))
  const list = errors.map((error) => `${error.pointer === "" ? "document" : error.pointer}: ${error.detail}`).join("; ")
  throw invalidArtifact(`model.json is not a model document: ${list}`, errors)
}
