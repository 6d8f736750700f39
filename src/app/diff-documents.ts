/**
 * What changed between two JSON documents, one line per leaf: `policy.kind: "static" -> "thompson"`. A whole document that came or went is one
 * line with an empty path, `document: added`.
 */
export function diffDocuments(before: unknown, after: unknown): string[] {
  if (before === null) return ["document: added"]
  if (after === null) return ["document: removed"]
  const old = new Map(leaves(before, ""))
  const now = new Map(leaves(after, ""))
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((path) => old.get(path) !== now.get(path))
    .map((path) => `${path}: ${old.get(path) ?? "absent"} -> ${now.get(path) ?? "absent"}`)
}

function leaves(value: unknown, path: string): [string, string][] {
  if (typeof value !== "object" || value === null) return [[path, JSON.stringify(value)]]
  const entries = Object.entries(value)
  if (entries.length === 0) return [[path, Array.isArray(value) ? "[]" : "{}"]]
  return entries.flatMap(([key, child]) => leaves(child, path === "" ? key : `${path}.${key}`))
}
