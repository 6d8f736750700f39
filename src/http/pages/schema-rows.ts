import type { JsonSchema } from "../openapi.ts"

/** One member of a schema, nested ones by their path: `variants[].backend.kind`. */
export interface SchemaRow {
  readonly path: string
  readonly schema: JsonSchema
  readonly required: boolean
  /** Which alternatives have it, where not all do. */
  readonly when: string | undefined
}

/** The members of a schema as a flat list, parents before children. Alternatives are merged: what all of them have is told once. */
export function schemaRows(schema: JsonSchema, prefix = ""): SchemaRow[] {
  const alternatives = alternativesOf(schema)
  if (alternatives !== undefined) return mergedRows(alternatives, prefix)
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`
    if (typeof member === "boolean") return []
    const row = { path, schema: member, required: required.has(name), when: undefined }
    return [row, ...childRows(member, path)]
  })
}

/** The alternatives of a schema that is one of several objects, else undefined. */
export function alternativesOf(schema: JsonSchema): readonly JsonSchema[] | undefined {
  const alternatives = (schema.oneOf ?? schema.anyOf)?.filter((one): one is JsonSchema => typeof one !== "boolean")
  return alternatives?.every(({ properties }) => properties !== undefined) ? alternatives : undefined
}

function childRows(schema: JsonSchema, path: string): SchemaRow[] {
  if (schema.type === "array" && isSchema(schema.items)) return schemaRows(schema.items, `${path}[]`)
  if (isSchema(schema.additionalProperties)) return schemaRows(schema.additionalProperties, `${path}.*`)
  return schemaRows(schema, path)
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function mergedRows(alternatives: readonly JsonSchema[], prefix: string): SchemaRow[] {
  const groups = new Map<string, { row: SchemaRow; names: (string | undefined)[] }>()
  for (const alternative of alternatives) {
    for (const row of schemaRows(alternative, prefix)) {
      if (row.schema.const !== undefined && alternatives.length > 1) continue
      const identity = JSON.stringify([row.path, row.schema])
      const group = groups.get(identity) ?? { row, names: [] }
      group.names.push(kindOf(alternative))
      groups.set(identity, group)
    }
  }
  const rows = [...groups.values()].map(({ row, names }) => {
    if (names.length === alternatives.length) return row
    const known = names.filter((name) => name !== undefined)
    return { ...row, when: known.length === 0 ? "one of these" : `kind ${known.join(", ")}` }
  })
  const kinds = alternatives.map(kindOf).filter((kind) => kind !== undefined)
  if (kinds.length < 2) return rows
  const kind = {
    path: `${prefix}.kind`,
    schema: { type: "string", enum: kinds },
    required: true,
    when: undefined,
  } as const
  return [kind, ...rows]
}

/** What tells an alternative from the others: the constant of its `kind`. */
function kindOf(alternative: JsonSchema): string | undefined {
  const kind = alternative.properties?.["kind"]
  return isSchema(kind) && typeof kind.const === "string" ? kind.const : undefined
}
