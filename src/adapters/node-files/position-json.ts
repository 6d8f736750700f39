import type { LogPosition } from "../../domain/log-position.ts"

/** A position as it was written as JSON; undefined for anything else. */
export function readPosition(value: unknown): LogPosition | undefined {
  if (typeof value !== "object" || value === null) return undefined
  if (!("file" in value) || !("offset" in value) || !("hash" in value)) return undefined
  const { file, offset, hash } = value
  if (typeof file !== "number" || typeof offset !== "number" || typeof hash !== "string") return undefined
  return { file, offset, hash }
}
