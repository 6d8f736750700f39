import { parseSync, Visitor } from "vite"

/** One import, re-export, dynamic import or `import("…")` type. `typeOnly` when Node loads nothing for it. */
export interface ImportEdge {
  readonly specifier: string
  readonly typeOnly: boolean
}

/** What the fences ask of one file. */
export interface SourceFacts {
  readonly imports: readonly ImportEdge[]
  /** Names of ambient time, randomness, environment and mocking that the code (not a comment or string) uses. */
  readonly uses: readonly string[]
  readonly lines: number
}

/** A dynamic import whose target is computed; no room allows it, so it always fails. */
export const COMPUTED = "<computed>"

const WATCHED_MEMBERS = new Set(["Math.random", "Date.now", "process.env", "performance.now", "vi.mock", "vi.doMock"])
const TEST_FUNCTIONS = new Set(["it", "test", "describe"])
const TEST_ESCAPES = new Set(["skip", "only", "todo", "skipIf", "runIf", "fails"])

/**
 * Reads a TypeScript file's imports and watched uses from its syntax tree.
 *
 * `import { type A }` counts as a value import: under verbatimModuleSyntax the module is loaded.
 *
 * @throws Error when the source does not parse
 */
export function sourceFacts(path: string, source: string): SourceFacts {
  const { program, errors } = parseSync(path, source)
  const [error] = errors
  if (error !== undefined) throw new Error(`${path} does not parse: ${error.message}`)
  const imports: ImportEdge[] = []
  const uses: string[] = []
  new Visitor({
    ImportDeclaration: (node) => {
      imports.push({ specifier: node.source.value, typeOnly: node.importKind === "type" })
    },
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) imports.push({ specifier: node.source.value, typeOnly: node.exportKind === "type" })
    },
    ExportAllDeclaration: (node) => {
      imports.push({ specifier: node.source.value, typeOnly: node.exportKind === "type" })
    },
    ImportExpression: (node) => {
      const target = node.source.type === "Literal" ? node.source.value : undefined
      imports.push({ specifier: typeof target === "string" ? target : COMPUTED, typeOnly: false })
    },
    TSImportType: (node) => {
      imports.push({ specifier: node.source.value, typeOnly: true })
    },
    MemberExpression: (node) => {
      if (node.object.type !== "Identifier") return
      const member = memberName(node.property)
      const name = `${node.object.name}.${member}`
      if (WATCHED_MEMBERS.has(name)) uses.push(name)
      if (TEST_FUNCTIONS.has(node.object.name) && TEST_ESCAPES.has(member)) uses.push(name)
    },
    NewExpression: (node) => {
      const now = node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0
      if (now) uses.push("new Date()")
    },
  }).visit(program)
  return { imports, uses, lines: source.trimEnd().split("\n").length }
}

/** The name behind `.x` and `["x"]`; empty for a computed one. */
function memberName(property: { readonly type: string; readonly name?: unknown; readonly value?: unknown }): string {
  if (property.type === "Identifier" && typeof property.name === "string") return property.name
  return property.type === "Literal" && typeof property.value === "string" ? property.value : ""
}
