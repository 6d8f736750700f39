import { html } from "hono/html"
import type { JsonSchema } from "../openapi.ts"
import { breakable } from "./breakable.ts"
import { withCode } from "./inline-code.ts"
import type { Html } from "./layout.ts"
import { alternativesOf, type SchemaRow, schemaRows } from "./schema-rows.ts"

/** One named schema as a table. */
export function schemaSection(name: string, schema: JsonSchema): Html {
  const rows = schemaRows(schema)
  return html`<section id="schema-${name}">
<h3>${name}</h3>
${schema.description === undefined ? "" : html`<p>${schema.description}</p>`}
${rows.length === 0 ? html`<p>${typeOf(schema)}</p>` : membersTable(name, rows)}
</section>`
}

function membersTable(name: string, rows: readonly SchemaRow[]): Html {
  return html`<table aria-label="Members of ${name}">
<thead><tr><th scope="col">Member</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead>
<tbody>
${rows.map(memberRow)}
</tbody>
</table>`
}

function memberRow({ path, schema, required, when }: SchemaRow): Html {
  const { description, default: preset } = schema
  return html`<tr>
<th scope="row"><code>${breakable(path)}</code>${required ? html` <span class="required">required</span>` : ""}${when === undefined ? "" : html`<span class="when">${when}</span>`}</th>
<td>${typeOf(schema)}</td>
<td>${description === undefined ? "" : html`${withCode(description)}. `}${preset === undefined ? "" : html`Default <code>${breakable(JSON.stringify(preset))}</code>`}</td>
</tr>`
}

/** A schema's type in words. */
export function typeOf(schema: JsonSchema): Html | string {
  if (schema.$ref !== undefined) return schemaLink(schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1))
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`
  if (schema.enum !== undefined)
    return joined(
      schema.enum.map((value) => html`<code>${value}</code>`),
      ", ",
    )
  const alternatives = schema.anyOf ?? schema.oneOf
  if (alternatives !== undefined) {
    return alternativesOf(schema) === undefined ? joined(alternatives.map(typeOrNothing), " or ") : "object"
  }
  switch (schema.type) {
    case "string":
      return textType(schema)
    case "number":
    case "integer":
      return numberType(schema)
    case "boolean":
      return html`<code>true</code> or <code>false</code>`
    case "null":
      return html`<code>null</code>`
    case "array":
      return listType(schema)
    case "object":
      return objectType(schema)
    default:
      return schema.not === undefined ? "anything" : "nothing"
  }
}

/** A link to a named schema's table. */
export function schemaLink(name: string): Html {
  return html`<a href="#schema-${name}">${name}</a>`
}

function typeOrNothing(schema: JsonSchema | boolean | undefined): Html | string {
  return typeof schema === "object" ? typeOf(schema) : "anything"
}

function textType({ pattern, minLength, maxLength }: JsonSchema): Html {
  const length = rangeOf(minLength, maxLength)
  return html`text${length === "" ? "" : `, ${length} characters`}${pattern === undefined ? "" : html`, <code>${pattern}</code>`}`
}

function numberType({ type, minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  const noun = type === "integer" ? "whole number" : "number"
  // zod gives every integer the bounds of safe ones, which say nothing to a reader.
  const from = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum
  const to = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum
  if (exclusiveMinimum !== undefined)
    return `${noun}, above ${exclusiveMinimum}${to === undefined ? "" : `, up to ${to}`}`
  const range = rangeOf(from, to)
  return range === "" ? noun : `${noun}, ${range}`
}

function listType({ items, prefixItems, minItems, maxItems }: JsonSchema): Html {
  if (prefixItems !== undefined) return html`list: ${joined(prefixItems.map(typeOrNothing), ", ")}`
  const length = rangeOf(minItems, maxItems)
  const item = Array.isArray(items) ? "anything" : typeOrNothing(items)
  return html`list${length === "" ? "" : ` (${length})`} of ${item === "object" ? "objects" : item}`
}

function objectType({ additionalProperties, properties }: JsonSchema): Html | string {
  if (properties !== undefined || typeof additionalProperties !== "object") return "object"
  return html`object of name to ${typeOf(additionalProperties)}`
}

function rangeOf(low: number | undefined, high: number | undefined): string {
  if (low !== undefined && high !== undefined) {
    return low === high ? bound(low) : `${bound(low)} to ${bound(high)}`
  }
  if (low !== undefined) return `at least ${bound(low)}`
  return high === undefined ? "" : `at most ${bound(high)}`
}

/** Nobody counts the zeros of 1000000000. */
function bound(value: number): string {
  return Math.abs(value) >= 1e7 ? value.toExponential().replace("e+", "e") : String(value)
}

function joined(parts: readonly (Html | string)[], separator: string): Html {
  return html`${parts.map((part, i) => (i === 0 ? part : html`${separator}${part}`))}`
}
