import { randomBytes } from "node:crypto"
import { open, readFile, rename } from "node:fs/promises"
import { join } from "node:path"
import { GatewayError } from "../../domain/errors.ts"
import { readJson } from "../../domain/json-text.ts"
import type { LogPosition, LogSpan } from "../../domain/log-position.ts"
import { isAbsent } from "./log-files.ts"

const FILE = "log.json"

/**
 * The ids of a folder's log, oldest first; the last is in force. None before the first start.
 *
 * @throws GatewayError `log_unavailable` for a file that isn't ours: under another id the whole log would be counted again
 */
export async function readLogSpans(folder: string): Promise<LogSpan[]> {
  const path = join(folder, FILE)
  let text: string
  try {
    text = await readFile(path, "utf8")
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
  const spans = parseSpans(text)
  if (spans !== undefined) return spans
  throw new GatewayError("log_unavailable", {
    detail: `${path} is not the identity of an outcome log: restore it, or remove it and run rebuild`,
  })
}

/** A span with a new id, not kept anywhere yet. */
export function newLogSpan(since: LogPosition | undefined): LogSpan {
  return { id: randomBytes(16).toString("base64url"), since }
}

/** Adds a span to those of the folder. Durable when it settles. @throws the file system's error: nothing was written */
export async function keepLogSpan(folder: string, span: LogSpan): Promise<void> {
  const spans = [...(await readLogSpans(folder)), span]
  const path = join(folder, FILE)
  const file = await open(`${path}.new`, "w", 0o640)
  try {
    await file.writeFile(`${JSON.stringify({ v: 1, spans })}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
}

function parseSpans(text: string): LogSpan[] | undefined {
  const value = readJson(text)
  if (typeof value !== "object" || value === null || !("spans" in value) || !Array.isArray(value.spans)) {
    return undefined
  }
  const spans: unknown[] = value.spans
  return spans.length > 0 && spans.every(isSpan) ? spans : undefined
}

function isSpan(value: unknown): value is LogSpan {
  if (typeof value !== "object" || value === null || !("id" in value) || typeof value.id !== "string") return false
  const since = "since" in value ? value.since : undefined
  return since === undefined || (typeof since === "object" && since !== null && "file" in since && "offset" in since)
}
