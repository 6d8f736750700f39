import { type Document, isMap, isNode, isScalar, Lexer, LineCounter, parseDocument, visit } from "yaml"
import type { Backend } from "../../domain/backends/backend.ts"
import type { DocumentIssue, DocumentProblem } from "../../domain/document-issues.ts"
import { parseExperiment, readableBackends } from "../../domain/experiment.ts"
import type { BackendCheck, ReadDocument } from "../../ports/document-source.ts"

/** Far more than 64 variants and 256 features need. */
export const MAX_DOCUMENT_BYTES = 65_536
/** Words, marks and line ends of the text. What takes longest to read has few bytes to each. */
const MAX_TOKENS = 16_384
const MAX_DEPTH = 64
/** A handful of mistakes helps; thousands only fill the log. */
const MAX_PROBLEMS = 50

interface Place {
  readonly line: number
  readonly column: number
}

/** A problem before its file is known. */
export type PlacedIssue = Place & Pick<DocumentProblem, "path" | "message">

/** What a text says, as plain data: it crosses threads. */
export interface ParsedText {
  /** The document where it is valid; undefined where it isn't. */
  readonly value: unknown
  /** The id that it says it has, and where. */
  readonly id: (Place & { readonly text: string }) | undefined
  readonly issues: readonly PlacedIssue[]
  /** What it wants to be answered by, with the places to point at. */
  readonly backends: readonly (Place & { readonly path: string; readonly backend: Backend })[]
}

/**
 * Parses an experiment document, YAML 1.2 or its subset JSON. Never throws: everything wrong with it comes back at once.
 *
 * Takes at most a fraction of a second, whatever the text; serving threads have it done elsewhere.
 */
export function parseText(text: string): ParsedText {
  // In UTF-16 units: whoever reads a file has bounded its bytes.
  if (text.length > MAX_DOCUMENT_BYTES) return unreadable(`is larger than ${MAX_DOCUMENT_BYTES / 1024} KiB`)
  const excess = excessOf(text)
  if (excess !== undefined) return unreadable(excess)
  try {
    return parseBounded(text)
  } catch (error) {
    if (error instanceof RangeError) return unreadable("is nested too deeply")
    throw error
  }
}

/** A document whose file could not even be parsed. */
export function unreadable(message: string): ParsedText {
  return { value: undefined, id: undefined, issues: [{ line: 1, column: 1, path: "", message }], backends: [] }
}

/** What a file says, and whether its backends can be served. */
export async function checkDocument(file: string, parsed: ParsedText, check: BackendCheck): Promise<ReadDocument> {
  const problems: DocumentProblem[] = parsed.issues.map((issue) => ({ file, ...issue }))
  for (const { backend, ...place } of parsed.backends) {
    const message = await check(backend)
    if (message !== undefined) problems.push({ file, ...place, message })
  }
  const experiment = parsed.value === undefined ? undefined : parseExperiment(parsed.value)
  if (problems.length === 0 && experiment?.ok === true) return { ok: true, file, experiment: experiment.experiment }
  return { ok: false, file, id: parsed.id?.text, anonymous: parsed.id === undefined, problems }
}

/** Looks at no more of the text than the bounds allow. */
function excessOf(text: string): string | undefined {
  let tokens = 0
  let open = 0
  /** `- - - a`: lists within lists on one line. */
  let begunInLine = 0
  for (const token of new Lexer().lex(text)) {
    tokens += 1
    if (token === "[" || token === "{") open += 1
    else if (token === "]" || token === "}") open -= 1
    else if (token === "-" || token === "?") begunInLine += 1
    else if (token === "\n" || token === "\r\n") begunInLine = 0
    if (tokens > MAX_TOKENS) return `has more than ${MAX_TOKENS} words and marks`
    if (Math.max(open, begunInLine) > MAX_DEPTH) return `is nested more than ${MAX_DEPTH} deep`
  }
  return undefined
}

function parseBounded(text: string): ParsedText {
  const lines = new LineCounter()
  // The library compares each key with all before it; `repeatedKeys` takes one look at each.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    version: "1.2",
    uniqueKeys: false,
  })
  const syntax = [
    ...document.errors.map((error) => ({ ...placeOf(lines, error.pos[0]), path: "", message: error.message })),
    ...repeatedKeys(document, lines),
  ]
  if (syntax.length > 0) return { value: undefined, id: undefined, issues: bounded(syntax), backends: [] }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    if (error instanceof RangeError) throw error
    // The library refuses documents that unfold to many times their size; its message is the only detail there is.
    return unreadable("has too many aliases")
  }
  const parsed = parseExperiment(value)
  const at = (path: DocumentIssue["path"]) => ({ ...placeOf(lines, offsetOf(document, path)), path: path.join(".") })
  const id = claimedId(value)
  const issues = parsed.ok ? [] : bounded(parsed.issues).map((issue) => ({ ...issue, ...at(issue.path) }))
  return {
    value: parsed.ok ? value : undefined,
    id: id === undefined ? undefined : { text: id, ...placeOf(lines, offsetOf(document, ["id"])) },
    issues,
    backends: readableBackends(value).map(({ variant, backend }) => ({
      backend,
      ...at(["variants", variant, "backend", backend.kind === "embedded" ? "model" : "target"]),
    })),
  }
}

/** The first of them, and how many there are beyond. */
function bounded<Issue extends { readonly message: string }>(issues: readonly Issue[]): Issue[] {
  const kept = issues.slice(0, MAX_PROBLEMS)
  const last = kept.at(-1)
  if (last === undefined || kept.length === issues.length) return kept
  return [
    ...kept.slice(0, -1),
    { ...last, message: `${last.message} (and ${issues.length - kept.length} more problems)` },
  ]
}

/** Keys that their map already has: which of the two values is meant can't be told. */
function repeatedKeys(document: Document.Parsed, lines: LineCounter): PlacedIssue[] {
  const issues: PlacedIssue[] = []
  visit(document, {
    Map: (_, map) => {
      const seen = new Set<unknown>()
      for (const { key } of map.items) {
        if (!isScalar(key)) continue
        if (seen.has(key.value)) {
          const message = `the field "${String(key.value)}" is written twice`
          issues.push({ ...placeOf(lines, key.range?.[0] ?? 0), path: "", message })
        }
        seen.add(key.value)
      }
    },
  })
  return issues
}

function placeOf(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}

/** Where a path is written; for what is missing, where its nearest parent is. An unknown key is pointed at itself, not at its value. */
function offsetOf(document: Document.Parsed, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    if (isMap(parent)) {
      const pair = parent.items.find((item) => String(item.key) === String(path[length - 1]))
      if (isNode(pair?.key) && pair.key.range) return pair.key.range[0]
    }
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return document.contents?.range?.[0] ?? 0
}

/** The id that an invalid document says it is: its last good revision stays in force. */
function claimedId(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("id" in value)) return undefined
  return typeof value.id === "string" ? value.id : undefined
}
