import type { Context } from "hono"
import { GatewayError } from "../domain/errors.ts"

/** What a route takes: media types without parameters, and the largest body in bytes. */
export interface BodyRules {
  readonly mediaTypes: readonly string[]
  readonly maxBytes: number
}

/** Reads a body of declared length whole. A runtime may have a shorter way to its bytes than the Request's. */
export type ReadBytes = (c: Context) => Promise<Uint8Array>

/** Every runtime's way. */
export const readRequestBytes: ReadBytes = async (c) => new Uint8Array(await c.req.arrayBuffer())

const CHARSET = /;\s*charset\s*=\s*"?([^";\s]+)"?/i

/**
 * Reads a request's body whole, within bounds. The declared length is checked before a byte is read; a chunked body is counted as it comes.
 *
 * @throws GatewayError `unsupported_media_type`, `unsupported_encoding` or `payload_too_large`
 */
export async function readBody(
  c: Context,
  rules: BodyRules,
  readBytes: ReadBytes,
): Promise<{ bytes: Uint8Array; mediaType: string }> {
  const mediaType = checkMediaType(c.req.header("content-type"), rules)
  const encoding = c.req.header("content-encoding")
  if (encoding !== undefined && encoding !== "identity") {
    throw new GatewayError("unsupported_encoding", { detail: "Send the body without Content-Encoding." })
  }
  const declared = c.req.header("content-length")
  if (declared !== undefined) {
    if (Number(declared) > rules.maxBytes) throw tooLarge(rules)
    return { bytes: await readBytes(c), mediaType }
  }
  return { bytes: await readCounted(c.req.raw.body, rules), mediaType }
}

function checkMediaType(header: string | undefined, rules: BodyRules): string {
  if (header === "application/json") return header
  const mediaType = (header ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? ""
  const charset = CHARSET.exec(header ?? "")?.[1]?.toLowerCase() ?? "utf-8"
  if (!rules.mediaTypes.includes(mediaType) || (charset !== "utf-8" && charset !== "utf8")) {
    throw new GatewayError("unsupported_media_type", { detail: `Send Content-Type: ${rules.mediaTypes.join(" or ")}.` })
  }
  return mediaType
}

async function readCounted(body: ReadableStream<Uint8Array> | null, rules: BodyRules): Promise<Uint8Array> {
  if (body === null) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of body) {
    total += chunk.byteLength
    if (total > rules.maxBytes) throw tooLarge(rules)
    chunks.push(chunk)
  }
  const bytes = new Uint8Array(total)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.byteLength
  }
  return bytes
}

function tooLarge(rules: BodyRules): GatewayError {
  return new GatewayError("payload_too_large", { detail: `The body may have at most ${rules.maxBytes} bytes.` })
}
