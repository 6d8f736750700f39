import * as z from "zod"
import { type JsonSchema, openApiDocument } from "#src/http/openapi.ts"

/**
 * A validator for a named schema of the published document: what a client would generate from it. Stricter than the document in one way: a
 * member that isn't described is an error, so that answers can't grow undocumented.
 */
function publishedSchema(name: string): z.ZodType {
  const text = JSON.stringify(openApiDocument().components.schemas).replaceAll("#/components/schemas/", "#/$defs/")
  const $defs = Object.fromEntries(
    Object.entries(
      JSON.parse(text, (_key, value: unknown) =>
        isOpenObject(value) ? { ...value, additionalProperties: false } : value,
      ),
    ),
  )
  return z.fromJSONSchema({ $ref: `#/$defs/${name}`, $defs: $defs as Record<string, JsonSchema> })
}

function isOpenObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && "properties" in value && !("additionalProperties" in value)
}

/** Where a body isn't as published, undefined where it is. */
export function mismatch(name: string, body: unknown): string | undefined {
  const parsed = publishedSchema(name).safeParse(body)
  return parsed.success ? undefined : `not a ${name}: ${z.prettifyError(parsed.error)}`
}
