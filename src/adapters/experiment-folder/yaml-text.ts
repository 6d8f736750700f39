import { stringify } from "yaml"
import type { ReadYaml } from "../../ports/document-source.ts"
import type { ParsedText } from "./document.ts"

/** A JSON document as YAML 1.2. */
export function writeYaml(document: unknown): string {
  return stringify(JSON.parse(JSON.stringify(document)), { lineWidth: 0 })
}

/** Reads YAML that comes in a call. @param parse in this thread or, where texts may take long, in another */
export function createYamlReader(parse: (text: string) => ParsedText | Promise<ParsedText>): ReadYaml {
  return async (text) => {
    const { value, issues } = await parse(text)
    if (value !== undefined) return { ok: true, document: value }
    const placed = issues.map(({ line, path, message }) => ({
      line,
      message,
      path: path === "" ? [] : path.split("."),
    }))
    return { ok: false, issues: placed }
  }
}
