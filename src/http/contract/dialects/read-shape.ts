import type * as z from "zod"
import { parseShape } from "../../../domain/document-issues.ts"
import { refuse } from "../predict-body.ts"

/** A parsed body as its schema has it. @throws GatewayError `validation_failed` with a pointer per mistake */
export function readShape<Shape>(schema: z.ZodType<Shape>, body: unknown): Shape {
  const parsed = parseShape(schema, body)
  if (parsed.ok) return parsed.value
  const errors = parsed.issues.map(({ path, message }) => ({
    pointer: path.map((step) => `/${step}`).join(""),
    detail: message,
  }))
  refuse(errors)
  throw new Error("a shape that doesn't fit has an issue")
}
