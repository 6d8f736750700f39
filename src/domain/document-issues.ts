import * as z from "zod"
import { didYouMean } from "./nearest-name.ts"

/** One thing wrong with a document, with the path to it: keys and array indexes from the root. */
export interface DocumentIssue {
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** One thing wrong with a document, where a person finds it. Lines and columns count from 1. */
export interface DocumentProblem {
  readonly file: string
  readonly line: number
  readonly column: number
  /** `policy.minPropensity`; empty for the document as a whole. */
  readonly path: string
  readonly message: string
}

/** `file:line:column: path message`, the form that editors jump to. */
export function describeProblem({ file, line, column, path, message }: DocumentProblem): string {
  return `${file}:${line}:${column}: ${path === "" ? "" : `${path} `}${message}`
}

/** Whether a document has a schema's shape; what it parses to, or everything that is wrong with its fields. */
export type ParsedShape<Shape> =
  | { readonly ok: true; readonly value: Shape }
  | { readonly ok: false; readonly issues: readonly DocumentIssue[] }

/** Parses a document and says of each mistake what would be right: a field that is missing, the name that a misspelt one is near to. */
export function parseShape<Shape>(schema: z.ZodType<Shape>, document: unknown): ParsedShape<Shape> {
  /** The fields there are, by the path of an object that has others. */
  const fieldsAt = new Map<string, readonly string[]>()
  const parsed = schema.safeParse(document, {
    error: (issue) => {
      if (issue.code === "unrecognized_keys" && issue.inst instanceof z.ZodObject) {
        fieldsAt.set(pathName(issue.path), Object.keys(issue.inst.shape))
      }
      if (issue.code === "invalid_type") {
        return issue.input === undefined
          ? `is required: ${described(issue.expected)}`
          : `must be ${described(issue.expected)}`
      }
      if (issue.code === "invalid_value") {
        const options = issue.values.map(String)
        const hint = typeof issue.input === "string" ? didYouMean(issue.input, options) : ""
        return `must be ${options.join(" or ")}${hint}`
      }
      return undefined
    },
  })
  if (parsed.success) return { ok: true, value: parsed.data }
  return { ok: false, issues: parsed.error.issues.flatMap((issue) => toIssues(issue, document, fieldsAt)) }
}

function toIssues(
  issue: z.core.$ZodIssue,
  document: unknown,
  fieldsAt: ReadonlyMap<string, readonly string[]>,
): DocumentIssue[] {
  const path = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step))
  if (issue.code === "unrecognized_keys") {
    const fields = fieldsAt.get(pathName(issue.path)) ?? []
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `unknown field "${key}"${didYouMean(key, fields)}`,
    }))
  }
  if (issue.code === "invalid_union" && "options" in issue && Array.isArray(issue.options)) {
    const given = valueAt(document, path)
    const hint = typeof given === "string" ? didYouMean(given, issue.options.map(String)) : ""
    return [{ path, message: `${issue.message}${hint}` }]
  }
  // A name that a record can't have: why not is one level down.
  if (issue.code === "invalid_key") return issue.issues.map(({ message }) => ({ path, message }))
  return [{ path, message: issue.message }]
}

function pathName(path: readonly PropertyKey[] | undefined): string {
  return (path ?? []).map(String).join("\n")
}

/** `string` -> `text`, `object` -> `an object`: the words that a writer of YAML knows. */
function described(expected: string): string {
  const words: Readonly<Record<string, string>> = {
    string: "text",
    object: "an object",
    array: "a list",
    tuple: "a list",
    boolean: "true or false",
    int: "a whole number",
  }
  return words[expected] ?? `a ${expected}`
}

/** What is written at a path; undefined where nothing is. */
function valueAt(document: unknown, path: readonly (string | number)[]): unknown {
  let value = document
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string | number, unknown>)[step]
  }
  return value
}

/**
 * Those fields of an object that are valid, each on its own, with their defaults: what can still be checked of a document whose other fields
 * are not.
 */
export function validFields<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  value: unknown,
): Partial<z.output<z.ZodObject<Shape>>> {
  const given: Record<string, unknown> = typeof value === "object" && value !== null ? { ...value } : {}
  const valid: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(schema.shape)) {
    const parsed = z.safeParse(field, given[name])
    if (parsed.success && parsed.data !== undefined) valid[name] = parsed.data
  }
  return valid as Partial<z.output<z.ZodObject<Shape>>>
}
