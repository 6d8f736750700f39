/** One place of a document that two versions say different things at. `before` or `after` is null where one says nothing. */
export interface DocumentChange {
  /** `policy.minPropensity`, `variants.champion.weight`: members of a list that have ids are called by them. Empty for a whole document. */
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

type Members = ReadonlyMap<string, unknown>

/** What is different between two JSON documents; null for a document that isn't there. The order of fields, and of members with ids, says nothing. */
export function documentChanges(before: unknown, after: unknown, path = ""): DocumentChange[] {
  const [old, now] = [membersOf(before), membersOf(after)]
  if (old === undefined || now === undefined || Array.isArray(before) !== Array.isArray(after)) {
    if (JSON.stringify(before) === JSON.stringify(after)) return []
    return [{ path, before: before ?? null, after: after ?? null }]
  }
  const names = [...new Set([...old.keys(), ...now.keys()])]
  return names.flatMap((name) => documentChanges(old.get(name), now.get(name), path === "" ? name : `${path}.${name}`))
}

/** The parts of a value that are compared by name; undefined for one that is compared whole. */
function membersOf(value: unknown): Members | undefined {
  if (typeof value !== "object" || value === null) return undefined
  if (!Array.isArray(value)) return new Map(Object.entries(value))
  const named = value.flatMap((member: unknown): [string, unknown][] => {
    const isNamed = typeof member === "object" && member !== null && "id" in member && typeof member.id === "string"
    return isNamed ? [[String(member.id), member]] : []
  })
  return named.length === value.length ? new Map(named) : undefined
}
