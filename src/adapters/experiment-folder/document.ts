import { type Document, isMap, LineCounter, parseDocument } from "yaml"
import type { DocumentIssue } from "../../domain/document-issues.ts"
import { type Experiment, parseExperiment } from "../../domain/experiment.ts"

/** One thing wrong with a document, where a person finds it. Lines and columns count from 1. */
export interface DocumentProblem {
  readonly file: string
  readonly line: number
  readonly column: number
  /** `policy.minPropensity`; empty for the document as a whole. */
  readonly path: string
  readonly message: string
}

export type ReadDocument =
  | { readonly ok: true; readonly file: string; readonly experiment: Experiment }
  | {
      readonly ok: false
      readonly file: string
      readonly id: string | undefined
      readonly problems: readonly DocumentProblem[]
    }

/** Checks beyond the document itself, such as whether its models exist. */
export type DocumentCheck = (experiment: Experiment) => Promise<readonly DocumentIssue[]>

const MAX_DOCUMENT_LENGTH = 1_048_576

/**
 * Reads an experiment document, YAML 1.2 or its subset JSON. Never rejects: everything wrong with it comes back at once.
 *
 * @param file how the file is named in problems
 */
export async function readDocument(file: string, text: string, check: DocumentCheck): Promise<ReadDocument> {
  if (text.length > MAX_DOCUMENT_LENGTH) {
    return failed(file, undefined, [{ file, line: 1, column: 1, path: "", message: "is larger than 1 MiB" }])
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2" })
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => ({
      ...place(file, lines, error.pos[0]),
      path: "",
      message: error.message,
    }))
    return failed(file, undefined, problems)
  }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch {
    // The library refuses documents that unfold to many times their size; its message is the only detail there is.
    return failed(file, undefined, [{ file, line: 1, column: 1, path: "", message: "has too many aliases" }])
  }
  const parsed = parseExperiment(value)
  const issues = parsed.ok ? await check(parsed.experiment) : parsed.issues
  if (parsed.ok && issues.length === 0) return { ok: true, file, experiment: parsed.experiment }
  const problems = issues.map(({ path, message }) => ({
    ...place(file, lines, offsetOf(document, path)),
    path: path.join("."),
    message,
  }))
  return failed(file, claimedId(value), problems)
}

/** `file:line:column: path message`, the form that editors jump to. */
export function describeProblem({ file, line, column, path, message }: DocumentProblem): string {
  return `${file}:${line}:${column}: ${path === "" ? "" : `${path} `}${message}`
}

function failed(file: string, id: string | undefined, problems: readonly DocumentProblem[]): ReadDocument {
  return { ok: false, file, id, problems }
}

function place(file: string, lines: LineCounter, offset: number): Omit<DocumentProblem, "path" | "message"> {
  const { line, col } = lines.linePos(offset)
  return { file, line: Math.max(1, line), column: Math.max(1, col) }
}

/** Where a path is written; for what is missing, where its nearest parent is. An unknown key is pointed at itself, not at its value. */
function offsetOf(document: Document.Parsed, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    const key = path[length - 1]
    if (isMap(parent)) {
      const pair = parent.items.find((item) => String(item.key) === String(key))
      const range = (pair?.key as { range?: readonly [number, number, number] } | undefined)?.range
      if (range !== undefined) return range[0]
    }
    const node = document.getIn(path.slice(0, length), true)
    const range = (node as { range?: readonly [number, number, number] } | undefined)?.range
    if (range !== undefined) return range[0]
  }
  return document.contents?.range?.[0] ?? 0
}

/** The id that an invalid document says it is: its last good revision stays in force. */
function claimedId(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("id" in value)) return undefined
  return typeof value.id === "string" ? value.id : undefined
}
