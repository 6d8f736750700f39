import { GatewayError } from "../domain/errors.ts"
import type { Call } from "./call.ts"
import { ANY_MEDIA_TYPE } from "./contract/operation.ts"

/** What a route takes: media types without parameters (ANY_MEDIA_TYPE: any and none), and the largest body in bytes. */
export interface BodyRules {
  readonly mediaTypes: readonly string[]
  readonly maxBytes: number
}

const CHARSET = /;\s*charset\s*=\s*"?([^";\s]+)"?/i

/**
 * Reads a request's body whole, within bounds. The declared length is checked before a byte is read; a chunked body is counted as it comes.
 *
 * @throws GatewayError `unsupported_media_type`, `unsupported_encoding`, `payload_too_large`, or `bad_request` for a body that ends too soon
 */
export async function readBody(call: Call, rules: BodyRules): Promise<{ bytes: Uint8Array; mediaType: string }> {
  const mediaType = checkMediaType(call.header("content-type"), rules)
  const encoding = call.header("content-encoding")
  if (encoding !== undefined && encoding !== "identity") {
    throw new GatewayError("unsupported_encoding", { detail: "Send the body without Content-Encoding." })
  }
  const declared = call.header("content-length")
  if (declared !== undefined && Number(declared) > rules.maxBytes) throw tooLarge(rules.maxBytes)
  return { bytes: await call.readBytes(rules.maxBytes), mediaType }
}

function checkMediaType(header: string | undefined, rules: BodyRules): string {
  if (header === "application/json" && rules.mediaTypes.includes(header)) return header
  const mediaType = (header ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? ""
  if (rules.mediaTypes.includes(ANY_MEDIA_TYPE)) return mediaType
  const charset = CHARSET.exec(header ?? "")?.[1]?.toLowerCase() ?? "utf-8"
  if (!rules.mediaTypes.includes(mediaType) || (charset !== "utf-8" && charset !== "utf8")) {
    throw new GatewayError("unsupported_media_type", { detail: `Send Content-Type: ${rules.mediaTypes.join(" or ")}.` })
  }
  return mediaType
}

export function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError("payload_too_large", { detail: `The body may have at most ${maxBytes} bytes.` })
}
