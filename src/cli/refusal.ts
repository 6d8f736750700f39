import type * as z from "zod"
import type { Io } from "./command.ts"
import { columnsOf, wrapped } from "./wrapped.ts"

/** The user's mistake, in a sentence that says what would be right. Commands print it and exit 1. */
export class Refusal extends Error {
  constructor(message: string) {
    super(message)
    this.name = "Refusal"
  }
}

/** Says on standard error what the command can't do, and which command to run next. */
export function refuse(io: Pick<Io, "stderr">, command: string, message: string): void {
  const text = `bandit-gateway ${command}: ${message}\nMore: npm run cli -- ${command} --help\n`
  io.stderr.write(wrapped(text, columnsOf(io.stderr)))
}

/** JSON that someone typed or wrote into a file. @throws Refusal naming `what` */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new Refusal(`${what} is not JSON: ${error.message}`)
    throw error
  }
}

/** A value that `schema` accepts. @throws Refusal naming `what` and every place that is wrong */
export function parseShape<Shape>(schema: z.ZodType<Shape>, value: unknown, what: string): Shape {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new Refusal(`${what} is wrong:\n${describeIssues(result.error.issues)}`)
}

/** One line for each: the path and what is wrong there. */
export function describeIssues(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): string {
  return issues
    .map(({ path, message }) => `  ${path.map(String).join(".") || "(all of it)"}: ${inPlainWords(message)}`)
    .join("\n")
}

const NOUNS: Readonly<Record<string, string>> = {
  array: "a list",
  object: "an object",
  record: "an object",
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  tuple: "a list",
}

/** What zod says by its own, as a sentence for people; what a schema says itself stays as it is. */
function inPlainWords(message: string): string {
  const noun = (type = ""): string => NOUNS[type] ?? type
  const [, expected, received] = /^Invalid input: expected (\w+), received (\w+)$/.exec(message) ?? []
  if (received === "undefined") return `is missing; it must be ${noun(expected)}`
  if (received !== undefined) return `must be ${noun(expected)}, not ${noun(received)}`
  const [, keys] = /^Unrecognized keys?: (.*)$/.exec(message) ?? []
  if (keys !== undefined) return `there is no field ${keys}`
  const [, sign, bound] = /^Too (?:small|big): expected \w+ to be ([<>]=?)(\S+)$/.exec(message) ?? []
  if (bound !== undefined) return `must be ${SIGNS[sign ?? ""]} ${bound}`
  const [, than, count, what] = /^Too (?:small|big): expected \w+ to have ([<>]=?)(\d+) (\w+)$/.exec(message) ?? []
  if (count !== undefined) return `must have ${SIGNS[than ?? ""]} ${count} ${what}`
  const [, choices] = /^Invalid (?:discriminator value\. Expected|option: expected one of) (.*)$/.exec(message) ?? []
  return choices === undefined ? message : `must be one of ${choices.replaceAll(/\s*\|\s*/g, ", ")}`
}

const SIGNS: Readonly<Record<string, string>> = { ">=": "at least", ">": "above", "<=": "at most", "<": "below" }
