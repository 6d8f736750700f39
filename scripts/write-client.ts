/** Writes examples/client.ts, the typed client, from the OpenAPI document: `node scripts/write-client.ts`. A test compares them. */
import { writeFileSync } from "node:fs"
import type { Operation, Parameter } from "#src/http/contract/operation.ts"
import { OPERATIONS } from "#src/http/contract/operations.ts"
import { type JsonSchema, openApiDocument } from "#src/http/openapi.ts"

const FILE = new URL("../examples/client.ts", import.meta.url)

const HEAD = `/**
 * A client of bandit-gateway for TypeScript, in one file and without dependencies. Written by scripts/write-client.ts from the OpenAPI
 * document: change that, not this.
 */

/** What a call is answered with, where all went well. */
export interface Answer<Body> {
  readonly status: number
  /** Of a document: what an edit of it sends as ifMatch. */
  readonly etag: string | undefined
  readonly body: Body
}

/** What the gateway refuses, with the problem document that says why. */
export class GatewayProblem extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    const errors = (problem.errors ?? []).map(({ pointer, detail }) => \`\${pointer} \${detail}\`)
    super([problem.title, ...(problem.detail === undefined ? [] : [problem.detail]), ...errors].join("\\n"))
    this.name = "GatewayProblem"
    this.problem = problem
  }
}

export interface ClientOptions {
  /** Where the gateway is: \`http://127.0.0.1:8080\`. */
  readonly address: string
  /** An API key, where the gateway has any. */
  readonly key?: string | undefined
  /** Of a whole call, milliseconds. Default: 5000. */
  readonly timeoutMs?: number
}
`

const SENDING = `  /** @throws GatewayProblem for every answer that isn't 2xx; what fetch throws where the gateway can't be reached in time */
  async #send<Body>(method: string, path: string, given: Sent): Promise<Answer<Body>> {
    const { address, key, timeoutMs = 5_000 } = this.#options
    const query = Object.entries(given.query ?? {}).flatMap(([name, value]) => {
      return value === undefined ? [] : [\`\${encodeURIComponent(name)}=\${encodeURIComponent(value)}\`]
    })
    const headers = new Headers(key === undefined ? {} : { authorization: \`Bearer \${key}\` })
    for (const [name, value] of Object.entries(given.headers ?? {})) if (value !== undefined) headers.set(name, String(value))
    const { body } = given
    if (body !== undefined) headers.set("content-type", typeof body === "string" ? (given.text ?? "text/plain") : (given.json ?? "application/json"))
    const answer = await fetch(\`\${address.replace(/\\/$/, "")}\${path}\${query.length === 0 ? "" : \`?\${query.join("&")}\`}\`, {
      method,
      headers,
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new GatewayProblem(toProblem(answer.status, text))
    const isJson = (answer.headers.get("content-type") ?? "").includes("json")
    return { status: answer.status, etag: answer.headers.get("etag") ?? undefined, body: (isJson ? JSON.parse(text) : text) as Body }
  }
}

interface Sent {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly headers?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  /** Media types of a body that is an object, and of one that is text. */
  readonly json?: string
  readonly text?: string
}

/** Whoever stands in between may answer something else than the gateway. */
function toProblem(status: number, text: string): Problem {
  try {
    const problem = JSON.parse(text) as Problem
    if (typeof problem.code === "string") return problem
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return { type: "about:blank", title: \`The answer is \${status} and no problem document\`, status, code: "internal", detail: text.slice(0, 200) }
}
`

/** The client's whole text. */
export function clientText(): string {
  const { schemas } = openApiDocument().components
  const types = new Map(
    Object.entries(schemas).map(([name, schema]) => [
      name,
      indented(`${described(schema)}export type ${name} = ${typeOf(lessShared(schema, schemas))}\n`),
    ]),
  )
  const methods = OPERATIONS.filter(isForPrograms).map(methodText)
  const client = `/** Every call of the HTTP interface. */
export class GatewayClient {
  readonly #options: ClientOptions

  constructor(options: ClientOptions) {
    this.#options = options
  }

${methods.join("\n")}
${SENDING}`
  return [HEAD, ...needed(types, HEAD + client), client].join("\n")
}

/** The types that a text names, and those that they name. */
function needed(types: ReadonlyMap<string, string>, text: string): readonly string[] {
  const found = new Set<string>()
  const texts = [text]
  for (const one of texts) {
    for (const [name, type] of types) {
      if (found.has(name) || !new RegExp(`\\b${name}\\b`).test(one)) continue
      found.add(name)
      texts.push(type)
    }
  }
  return [...types].filter(([name]) => found.has(name)).map(([, type]) => type)
}

/** A schema with all members of another one, as that one and the members it adds. */
function lessShared(schema: JsonSchema, schemas: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const { properties = {}, required = [] } = schema
  const shared = Object.entries(schemas).find(([, other]) => {
    const members = Object.entries(other.properties ?? {})
    return other !== schema && members.length > 1 && members.every(([name, member]) => isSame(properties[name], member))
  })
  if (shared === undefined) return schema
  const [name, { properties: known = {} }] = shared
  const isOwn = (member: string): boolean => !(member in known)
  const own = Object.entries(properties).filter(([member]) => isOwn(member))
  return {
    allOf: [{ $ref: name }, { type: "object", properties: Object.fromEntries(own), required: required.filter(isOwn) }],
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** Two spaces for each brace that is open. */
function indented(text: string): string {
  let depth = 0
  return text.replaceAll(/^.*$/gm, (line) => {
    if (line.startsWith("}")) depth--
    const written = line === "" ? line : "  ".repeat(depth) + line
    if (line.endsWith("{")) depth++
    return written
  })
}

/** Pages, pixels and preflights are for browsers; dialects are for clients that there are already. */
function isForPrograms({ method, dialect, answers }: Operation): boolean {
  if (dialect !== undefined) return false
  const contents = answers.filter(({ status }) => status < 300).flatMap(({ content = [] }) => content)
  return method !== "options" && contents.some(({ mediaType }) => /json$|^text\/plain$/.test(mediaType))
}

function methodText(operation: Operation): string {
  const { id, method, summary, parameters = [], request, answers } = operation
  const members = parameters.map((parameter) => memberText(parameter))
  if (request !== undefined) members.push(`readonly body: ${bodyType(request.contents)}`)
  const given = members.length === 0 ? "" : `given: ${inLines(members)}${isOptional(operation) ? " = {}" : ""}`
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => `\${encodeURIComponent(given.${name})}`)
  const sent = [sentPart("query", parameters), sentPart("headers", parameters), ...bodyParts(request)].filter(
    (part) => part !== "",
  )
  const contents = answers.filter(({ status }) => status < 300).flatMap(({ content = [] }) => content)
  const answer =
    [...new Set(contents.flatMap(({ schemas }): readonly string[] => schemas ?? ["string"]))].join(" | ") || "string"
  const target = path.includes("$") ? `\`${path}\`` : JSON.stringify(path)
  return `  /** ${summary}. */
  ${id}(${given}): Promise<Answer<${answer}>> {
    return this.#send("${method.toUpperCase()}", ${target}, ${inLines(sent, "    ")})
  }
`
}

/** What doesn't fit on a line has one for each member. */
function inLines(members: readonly string[], indent = "  "): string {
  if (members.length === 0) return "{}"
  if (members.length < 2) return `{ ${members.join(", ")} }`
  return `{\n${members.map((member) => `${indent}  ${member},\n`).join("")}${indent}}`
}

function isOptional({ parameters = [], request }: Operation): boolean {
  return request === undefined && parameters.every(({ required }) => !required)
}

function memberText({ name, required, schema, in: place }: Parameter): string {
  // An id in a path may be any text: the gateway says what is wrong with it.
  const type = place === "path" ? (schema["type"] === "integer" ? "number" : "string") : typeOf(schema)
  return `readonly ${camelCase(name)}${required ? "" : "?"}: ${type}${required ? "" : " | undefined"}`
}

function sentPart(part: "query" | "headers", parameters: readonly Parameter[]): string {
  const place = part === "query" ? "query" : "header"
  const own = parameters.filter((parameter) => parameter.in === place)
  if (own.length === 0) return ""
  return `${part}: { ${own.map(({ name }) => `${keyOf(part === "query" ? name : name.toLowerCase())}: given.${camelCase(name)}`).join(", ")} }`
}

function keyOf(name: string): string {
  return /^\w+$/.test(name) ? name : JSON.stringify(name)
}

function bodyType(contents: NonNullable<Operation["request"]>["contents"]): string {
  const types = contents.map(({ schemas = [], list = false }) => {
    if (schemas.length === 0) return "string"
    return list ? `readonly (${schemas.join(" | ")})[]` : schemas.join(" | ")
  })
  return [...new Set(types)].join(" | ")
}

function bodyParts(request: Operation["request"]): string[] {
  if (request === undefined) return []
  const json = request.contents.find(({ schemas = [] }) => schemas.length > 0)?.mediaType
  const text = request.contents.find(({ schemas = [] }) => schemas.length === 0)?.mediaType
  const said = (name: string, type: string | undefined) =>
    type === undefined ? [] : [`${name}: ${JSON.stringify(type)}`]
  return ["body: given.body", ...said("json", json), ...said("text", text)]
}

function camelCase(name: string): string {
  const [first = "", ...rest] = name.split("-")
  return rest.length === 0 ? first.charAt(0).toLowerCase() + first.slice(1) : first.toLowerCase() + rest.join("")
}

/** A JSON Schema as a type of TypeScript. */
function typeOf(schema: unknown): string {
  if (typeof schema !== "object" || schema === null) return "unknown"
  const { $ref, const: constant, enum: values, anyOf, oneOf, allOf, type, items, prefixItems } = schema as JsonSchema
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf("/") + 1)
  if (constant !== undefined) return JSON.stringify(constant)
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(" | ")
  if (type === "object") return objectType(schema as JsonSchema)
  const alternatives = anyOf ?? oneOf
  if (alternatives !== undefined) return unionOf(alternatives.map(typeOf))
  if (allOf !== undefined) return allOf.map((one) => inParentheses(typeOf(one))).join(" & ")
  if (Array.isArray(prefixItems)) return `readonly [${prefixItems.map(typeOf).join(", ")}]`
  if (type === "array") return `readonly ${inParentheses(typeOf(items))}[]`
  if (type === "integer" || type === "number") return "number"
  return type === "string" || type === "boolean" || type === "null" ? type : "unknown"
}

/** What may be anything may be any of the others too. */
function unionOf(types: readonly string[]): string {
  if (types.includes("unknown")) return "unknown"
  return [...new Set(types.map(inParentheses))].join(" | ")
}

function objectType({ properties, required = [], additionalProperties }: JsonSchema): string {
  if (properties === undefined) return `Readonly<Record<string, ${typeOf(additionalProperties)}>>`
  const members = Object.entries(properties).map(([name, schema]) => {
    const optional = required.includes(name) ? "" : "?"
    const said = /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name)
    const member = typeOf(schema)
    const type = optional === "" || member === "unknown" ? member : `${member} | undefined`
    return `${described(schema)}readonly ${said}${optional}: ${type}`
  })
  return `{\n${members.join("\n")}\n}`
}

function described(schema: unknown): string {
  const text =
    typeof schema === "object" && schema !== null && "description" in schema ? String(schema.description) : ""
  return text === "" ? "" : `/** ${text.replaceAll("*/", "* /")} */\n`
}

function inParentheses(type: string): string {
  return (/ [|&] /.test(type) && !type.startsWith("{")) || type.startsWith("readonly ") ? `(${type})` : type
}

if (import.meta.main) writeFileSync(FILE, clientText())
