import type { Content, Operation } from "../contract/operation.ts"

const BASE = "http://127.0.0.1:8080"

/** A command that calls an operation with its examples. */
export function curlOf(operation: Operation): string {
  const { parameters = [], request } = operation
  let path = operation.path
  const query: string[] = []
  for (const { name, in: place, required, example } of parameters) {
    if (example === undefined) continue
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(example))
    if (place === "query" && (required || name === "v")) query.push(`${name}=${encodeURIComponent(example)}`)
  }
  const url = `${BASE}${path}${query.length === 0 ? "" : `?${query.join("&")}`}`
  const body = request?.contents[0]
  if (body === undefined) return `curl '${url}'`
  return `curl '${url}' \\\n  -H 'content-type: ${body.mediaType}' \\\n  -d '${toText(body)}'`
}

function toText({ example }: Content): string {
  return typeof example === "string" ? example : JSON.stringify(example)
}
