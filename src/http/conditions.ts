import type { Seen } from "../app/edit-experiment.ts"
import { GatewayError } from "../domain/errors.ts"
import type { Call } from "./call.ts"

/** The entity tag of a revision: each format that it is answered in has its own. */
export function entityTag(revision: number, format: "json" | "yaml"): string {
  return format === "json" ? `"${revision}"` : `"${revision}-yaml"`
}

/** Which revisions a caller says it has seen. A weak tag matches nothing: whoever edits has to have read the very document. */
export function readConditions(call: Call): Seen {
  const ifMatch = call.header("if-match")
  const ifNoneMatch = call.header("if-none-match")
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() !== "*" || ifMatch !== undefined) {
      throw new GatewayError("bad_request", {
        detail: "Send If-None-Match: * to create an experiment, or If-Match with an ETag to change one.",
      })
    }
    return "none"
  }
  if (ifMatch === undefined) return "unsaid"
  if (ifMatch.trim() === "*") return "any"
  return ifMatch.split(",").flatMap((tag) => {
    const [, revision] = /^"(\d{1,15})(?:-yaml)?"$/.exec(tag.trim()) ?? []
    return revision === undefined ? [] : [Number(revision)]
  })
}

/** Whether a reader has this very answer already. */
export function isKnown(call: Call, tag: string): boolean {
  const given = call.header("if-none-match")
  if (given === undefined) return false
  return given.split(",").some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === tag)
}
