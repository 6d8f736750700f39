import { type IncomingMessage, STATUS_CODES } from "node:http"
import { GatewayError } from "../domain/errors.ts"
import { problemHeaders, toProblem } from "../http/problem.ts"
import type { JudgeHost } from "../http/served-hosts.ts"

export const MAX_HEADER_BYTES = 8192
export const MAX_HEADERS = 100
const MAX_URL_BYTES = 4096
const SLASH = 47
/** A target that names its host, as requests to a proxy do: it outweighs the Host header. */
const ABSOLUTE_TARGET = /^https?:\/\/([^/?#]*)/i

/** Why a request is not read further. */
export interface Refusal {
  readonly error: GatewayError
  /** Whether the connection can't be used again: where this request ends and the next one begins is in doubt. */
  readonly closes: boolean
}

/**
 * What Node parses but we refuse, undefined for the rest. Runs on every request: a few comparisons and one walk over the header names.
 */
export function refusalOf(request: IncomingMessage, judgeHost: JudgeHost): Refusal | undefined {
  const { rawHeaders, method, httpVersionMajor, httpVersionMinor, url = "" } = request
  if (httpVersionMajor !== 1) {
    const code = httpVersionMajor < 1 ? "bad_request" : "http_version_unsupported"
    return closing(new GatewayError(code, { detail: "Send HTTP/1.1." }))
  }
  if (rawHeaders.length > 2 * MAX_HEADERS) return closing(new GatewayError("headers_too_large"))
  let host: string | undefined
  let hosts = 0
  let coding: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length === 4 && name.toLowerCase() === "host") {
      hosts++
      host = rawHeaders[i + 1] as string
    } else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") {
      coding = coding === undefined ? rawHeaders[i + 1] : `${coding},${rawHeaders[i + 1]}`
    }
  }
  if (hosts > 1) return closing(badRequest("The request has more than one Host header."))
  if (coding !== undefined) {
    if (httpVersionMinor === 0) return closing(badRequest("HTTP/1.0 has no Transfer-Encoding."))
    const codings = coding
      .toLowerCase()
      .split(",")
      .map((one) => one.trim())
    if (codings.at(-1) !== "chunked") return closing(badRequest("The last Transfer-Encoding must be chunked."))
    if (codings.length > 1) return closing(new GatewayError("transfer_coding_unsupported"))
  }
  // Health checks of old balancers speak HTTP/1.0, which has no Host.
  if ((host === undefined || host === "") && httpVersionMinor > 0) return open(badRequest("Send a Host header."))
  if (method === "TRACE") return open(new GatewayError("method_not_allowed"))
  let named = host
  if (url.charCodeAt(0) !== SLASH) {
    if (url === "*" && method === "OPTIONS") return open(new GatewayError("method_not_allowed"))
    named = ABSOLUTE_TARGET.exec(url)?.[1]
    if (named === undefined) return open(badRequest("The request's target must be a path that begins with a slash."))
  }
  if (named !== undefined && named !== "") {
    const verdict = judgeHost(named, request.socket.localAddress)
    if (verdict === "malformed")
      return open(badRequest("The host must be a name or an address, with or without a port."))
    if (verdict === "elsewhere") return open(new GatewayError("misdirected", { detail: MISDIRECTED }))
  }
  if (url.length > MAX_URL_BYTES && !url.startsWith("/reward")) return open(new GatewayError("uri_too_long"))
  return undefined
}

const MISDIRECTED =
  "The gateway does not answer under this host. It answers under localhost, loopback addresses and the names of ALLOWED_HOSTS: call it by one of these, or add the name there."

function closing(error: GatewayError): Refusal {
  return { error, closes: true }
}

function open(error: GatewayError): Refusal {
  return { error, closes: false }
}

function badRequest(detail: string): GatewayError {
  return new GatewayError("bad_request", { detail })
}

export interface ClientError extends Error {
  readonly code?: string
  readonly rawPacket?: Buffer
  readonly bytesParsed?: number
}

/** The problem to answer a request with that Node's parser gave up on. */
export function clientProblem(error: ClientError): GatewayError {
  switch (error.code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new GatewayError("request_timeout")
    case "HPE_HEADER_OVERFLOW":
      return new GatewayError(overflowsInTarget(error) ? "uri_too_long" : "headers_too_large")
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return new GatewayError("payload_too_large")
    default:
      return new GatewayError("bad_request", { detail: "The request is not HTTP/1.1." })
  }
}

/**
 * Whether it was the request line that grew too long, as far as the last packet shows: it begins with a request line whose target is too long, or
 * with the end of one. A packet from the middle of something is taken for headers, whose problem names both.
 */
function overflowsInTarget({ rawPacket }: ClientError): boolean {
  if (rawPacket === undefined) return false
  const firstLine = rawPacket.toString("latin1").split("\r\n", 1)[0] as string
  const target = /^[A-Z]+ (\S*)/.exec(firstLine)?.[1]
  return target === undefined ? / HTTP\/\d\.\d$/.test(firstLine) : target.length > MAX_URL_BYTES
}

/** A refusal as it goes onto the wire. */
export function refusalAnswer({ error, closes }: Refusal): {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
} {
  const problem = toProblem(error)
  const text = JSON.stringify(problem)
  const headers = {
    ...problemHeaders(error),
    ...(error.code === "method_not_allowed" ? { allow: "GET, POST" } : {}),
    "content-length": String(Buffer.byteLength(text)),
    ...(closes ? { connection: "close" } : {}),
  }
  return { status: problem.status, headers, text }
}

/** A problem as bytes, for a connection that has no response object. */
export function rawAnswer(error: GatewayError): string {
  const { status, headers, text } = refusalAnswer(closing(error))
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${text}`
}
