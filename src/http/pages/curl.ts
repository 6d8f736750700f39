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
  const headers = parameters.flatMap(({ name, in: place, example }) =>
    place === "header" && example !== undefined ? [` \\\n  -H '${name.toLowerCase()}: ${example}'`] : [],
  )
  const call = `curl ${methodOption(operation)}'${url}'${headers.join("")}`
  const body = request?.contents[0]
  if (body === undefined) return call
  return `${call} \\\n  -H 'content-type: ${body.mediaType}' \\\n  -d '${toText(body)}'`
}

/** What curl doesn't find out by itself. */
function methodOption({ method, request }: Operation): string {
  const guessed = request === undefined ? "get" : "post"
  return method === guessed ? "" : `-X ${method.toUpperCase()} `
}

function toText({ example }: Content): string {
  return typeof example === "string" ? example : JSON.stringify(example)
}
