import type { Context } from "hono"
import { GatewayError } from "../domain/errors.ts"

/** What a route takes: media types without parameters, and the largest body in bytes. */
export interface BodyRules {
  readonly mediaTypes: readonly string[]
  readonly maxBytes: number
}

/**
 * Reads a body whole. A runtime may have a shorter way to its bytes than the Request's.
 *
 * @throws GatewayError `payload_too_large` as soon as more than `maxBytes` have come, `bad_request` when the peer goes away before the end
 */
export type ReadBytes = (c: Context, maxBytes: number) => Promise<Uint8Array>

/** Every runtime's way. */
export const readRequestBytes: ReadBytes = async (c, maxBytes) => {
  try {
    return await readCounted(c.req.raw.body, maxBytes)
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    throw new GatewayError("bad_request", { detail: "The connection closed before the body was whole.", cause })
  }
}

const CHARSET = /;\s*charset\s*=\s*"?([^";\s]+)"?/i

/**
 * Reads a request's body whole, within bounds. The declared length is checked before a byte is read; a chunked body is counted as it comes.
 *
 * @throws GatewayError `unsupported_media_type`, `unsupported_encoding`, `payload_too_large`, or `bad_request` for a body that ends too soon
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
  if (declared !== undefined && Number(declared) > rules.maxBytes) throw tooLarge(rules.maxBytes)
  return { bytes: await readBytes(c, rules.maxBytes), mediaType }
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

async function readCounted(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<Uint8Array> {
  if (body === null) return new Uint8Array(0)
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of body) {
    total += chunk.byteLength
    if (total > maxBytes) throw tooLarge(maxBytes)
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

export function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError("payload_too_large", { detail: `The body may have at most ${maxBytes} bytes.` })
}
