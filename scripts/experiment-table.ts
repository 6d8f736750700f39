/** Writes the table of fields in docs/experiment.md from the schema: `node scripts/experiment-table.ts`. A test compares them. */
import { readFileSync, writeFileSync } from "node:fs"
import * as z from "zod"
import { experimentSchema } from "#src/domain/experiment.ts"
import { fieldEffect } from "#src/domain/field-effects.ts"
import type { JsonSchema } from "#src/http/openapi.ts"
import { type SchemaRow, schemaRows } from "#src/http/pages/schema-rows.ts"

const PAGE = new URL("../docs/experiment.md", import.meta.url)
const BEGIN = "<!-- fields: written by scripts/experiment-table.ts -->\n"
const END = "<!-- end of fields -->\n"

/** The schema of items that can't be. */
const NOTHING = JSON.stringify({ not: {} })

/** Every field of an experiment document, as a Markdown table. */
export function experimentTable(): string {
  const schema = z.toJSONSchema(experimentSchema, { io: "input" })
  const rows = schemaRows(schema).map((row) => [
    `\`${row.path}\``,
    row.required ? "yes" : "no",
    row.required ? "" : defaultOf(row.schema),
    rangeOf(row.schema),
    meaningOf(row),
    fieldEffect(row.path),
  ])
  const head = ["field", "required", "default", "takes", "means", "an edit"]
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("")
}

/** The page with its table as it has to be. */
export function pageWithTable(page: string): string {
  const from = page.indexOf(BEGIN)
  const to = page.indexOf(END)
  if (from < 0 || to < from) throw new Error(`docs/experiment.md lacks its marks ${BEGIN.trim()} and ${END.trim()}`)
  return `${page.slice(0, from)}${BEGIN}\n${experimentTable()}\n${page.slice(to)}`
}

function defaultOf({ default: value, properties }: JsonSchema): string {
  // What a left-out object is made of, its own members say.
  if (value === undefined || properties !== undefined) return ""
  return `\`${JSON.stringify(value)}\``
}

function rangeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(", ")
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.format === "date-time") return "a time such as `2026-12-01T08:00:00Z`"
  if (schema.pattern !== undefined) return `\`${schema.pattern.slice(1, -1)}\``
  if (schema.type === "boolean") return "`true`, `false`"
  if (schema.type === "string") return `text of ${between(schema.minLength, schema.maxLength)} characters`
  if (schema.type === "array") {
    if (JSON.stringify(schema.items) === NOTHING) return "`[]`"
    return `a list of ${between(schema.minItems, schema.maxItems)} items`
  }
  if (schema.type === "number" || schema.type === "integer") {
    const number = schema.type === "integer" ? "whole number" : "number"
    const above = typeof schema.exclusiveMinimum === "number" ? ` above ${short(schema.exclusiveMinimum)}` : ""
    return `${number}${above}, ${between(schema.minimum, schema.maximum)}`
  }
  return "an object"
}

function between(low: number | undefined, high: number | undefined): string {
  if (high === undefined || high === Number.MAX_SAFE_INTEGER) return `at least ${short(low ?? 0)}`
  if (low === undefined) return `at most ${short(high)}`
  return low === high ? String(low) : `${short(low)} to ${short(high)}`
}

function short(bound: number): string {
  return Math.abs(bound) >= 1e7 ? bound.toExponential().replace("+", "") : String(bound)
}

function meaningOf({ schema, when }: SchemaRow): string {
  const meaning = schema.description ?? (schema.enum === undefined && schema.const === undefined ? "" : "Which of them")
  return when === undefined ? meaning : `${meaning} (${when})`
}

if (import.meta.main) {
  writeFileSync(PAGE, pageWithTable(readFileSync(PAGE, "utf8")))
}
