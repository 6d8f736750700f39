import { documentChanges } from "../domain/document-changes.ts"

/**
 * What changed between two JSON documents, one line a place: `policy.kind: "static" -> "thompson"`. A whole document that came or went is one
 * line with an empty path, `document: added`.
 */
export function diffDocuments(before: unknown, after: unknown): string[] {
  if (before === null) return ["document: added"]
  if (after === null) return ["document: removed"]
  return documentChanges(before, after).map(
    (change) => `${change.path}: ${said(change.before)} -> ${said(change.after)}`,
  )
}

function said(value: unknown): string {
  return value === null ? "absent" : JSON.stringify(value)
}
