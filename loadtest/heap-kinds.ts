import * as z from "zod"

const snapshotSchema = z.object({
  snapshot: z.object({ meta: z.object({ node_fields: z.array(z.string()), node_types: z.array(z.unknown()) }) }),
  nodes: z.array(z.number()),
  strings: z.array(z.string()),
})

/** How many objects there are of one kind, and what they take by themselves. */
export interface HeapKind {
  readonly count: number
  readonly bytes: number
}

/** By kind: the constructor's name, or what V8 calls what has none. */
export type HeapKinds = ReadonlyMap<string, HeapKind>

/** @param text a heap snapshot, as V8 writes it */
export function kindsIn(text: string): HeapKinds {
  const { snapshot, nodes, strings } = snapshotSchema.parse(JSON.parse(text))
  const { node_fields: fields, node_types: types } = snapshot.meta
  const typeNames = z.array(z.string()).parse(types[0])
  const [typeAt, nameAt, sizeAt] = ["type", "name", "self_size"].map((field) => fields.indexOf(field))
  const at = (node: number, field = 0): number => nodes[node + field] ?? 0
  const kinds = new Map<string, HeapKind>()
  for (let node = 0; node < nodes.length; node += fields.length) {
    const type = typeNames[at(node, typeAt)] ?? ""
    // The name of a string is its text, and that of a number its value.
    const isValue = type.includes("string") || type === "number" || type === "bigint"
    const kind = isValue ? type : `${type} ${strings[at(node, nameAt)] ?? ""}`
    const { count = 0, bytes = 0 } = kinds.get(kind) ?? {}
    kinds.set(kind, { count: count + 1, bytes: bytes + at(node, sizeAt) })
  }
  return kinds
}

/** What there is more of, most bytes first. */
export function grownKinds(before: HeapKinds, after: HeapKinds): readonly (HeapKind & { readonly kind: string })[] {
  const grown = Array.from(after, ([kind, { count, bytes }]) => {
    const { count: countBefore = 0, bytes: bytesBefore = 0 } = before.get(kind) ?? {}
    return { kind, count: count - countBefore, bytes: bytes - bytesBefore }
  })
  return grown.filter(({ bytes }) => bytes > 0).toSorted((a, b) => b.bytes - a.bytes)
}
