import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http"
import type { Socket } from "node:net"
import { getRequestListener, type HttpBindings } from "@hono/node-server"
import type { Hono } from "hono"
import { GatewayError } from "../domain/errors.ts"
import { toProblem } from "../http/problem.ts"
import type { ReadBytes } from "../http/read-body.ts"

const MAX_HEADER_BYTES = 8192
const MAX_HEADERS = 100
const MAX_URL_BYTES = 4096
const HEADERS_TIMEOUT_MS = 2000
const REQUEST_TIMEOUT_MS = 3000
const TIMEOUT_CHECK_MS = 500
const KEEP_ALIVE_MS = 5000
const MAX_CONNECTIONS = 5000
const MAX_REQUESTS_PER_SOCKET = 10_000

/**
 * An HTTP server for the application with the limits of a server on the edge, and the requests that Node's parser lets through although no
 * honest client sends them refused before the application sees them.
 *
 * @param isDraining while true, every answer tells its client to open its next connection elsewhere
 */
export function createNodeServer(app: Hono, isDraining: () => boolean = () => false): Server {
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: true })
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
    },
    (request, response) => {
      if (isDraining()) response.shouldKeepAlive = false
      const refusal = refusalOf(request)
      if (refusal === undefined) {
        void listener(request, response)
        return
      }
      const problem = toProblem(refusal)
      response.writeHead(problem.status, {
        "content-type": "application/problem+json",
        connection: "close",
        ...(problem.status === 405 ? { allow: "GET, POST" } : {}),
      })
      response.end(JSON.stringify(problem))
    },
  )
  server.maxConnections = MAX_CONNECTIONS
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET
  server.maxHeadersCount = MAX_HEADERS + 1
  server.on("connect", (_request, socket: Socket) => socket.end(rawAnswer(new GatewayError("method_not_allowed"))))
  server.on("clientError", (error: ClientError, socket: Socket) => {
    if (socket.writable && socket.bytesWritten === 0) socket.end(rawAnswer(clientProblem(error)))
    else socket.destroy()
  })
  return server
}

/**
 * A body's bytes from Node's own request: the Request in between would copy them twice.
 *
 * @throws GatewayError `bad_request` when the connection closes before the body is whole
 */
export const readIncomingBytes: ReadBytes = (c) => {
  const { incoming } = c.env as HttpBindings
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  let chunks: Uint8Array[] | undefined
  let first: Uint8Array | undefined
  incoming.on("data", (chunk: Uint8Array) => {
    if (first === undefined) first = chunk
    else if (chunks === undefined) chunks = [first, chunk]
    else chunks.push(chunk)
  })
  incoming.on("end", () => resolve(chunks === undefined ? (first ?? new Uint8Array(0)) : Buffer.concat(chunks)))
  incoming.on("error", (cause) => {
    reject(new GatewayError("bad_request", { detail: "The connection closed before the body was whole.", cause }))
  })
  return promise
}

/** What Node parses but we refuse, undefined for the rest. Runs on every request: two counts and a scan of the header names. */
function refusalOf(request: IncomingMessage): GatewayError | undefined {
  const { rawHeaders, method, url = "" } = request
  if (request.httpVersionMajor < 1) {
    return new GatewayError("bad_request", { detail: "Send HTTP/1.1." })
  }
  if (rawHeaders.length > 2 * MAX_HEADERS) return new GatewayError("headers_too_large")
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length === 4 && name.toLowerCase() === "host") hosts++
  }
  if (hosts > 1) return new GatewayError("bad_request", { detail: "The request has more than one Host header." })
  if (method === "TRACE") return new GatewayError("method_not_allowed")
  if (url.length > MAX_URL_BYTES && !url.startsWith("/reward")) return new GatewayError("uri_too_long")
  return undefined
}

interface ClientError extends Error {
  readonly code?: string
  readonly rawPacket?: Buffer
}

/** What a request that could not be parsed was refused for. */
function clientProblem(error: ClientError): GatewayError {
  switch (error.code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new GatewayError("request_timeout")
    case "HPE_HEADER_OVERFLOW": {
      const firstLine = error.rawPacket?.indexOf("\r\n") ?? 0
      return new GatewayError(firstLine < 0 || firstLine > MAX_URL_BYTES ? "uri_too_long" : "headers_too_large")
    }
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return new GatewayError("payload_too_large")
    default:
      return new GatewayError("bad_request", { detail: "The request is not HTTP/1.1." })
  }
}

/** An answer for a socket that has no response object. */
function rawAnswer(error: GatewayError): string {
  const problem = toProblem(error)
  const text = JSON.stringify(problem)
  const allow = problem.status === 405 ? "allow: GET, POST\r\n" : ""
  return (
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${allow}content-type: application/problem+json\r\n` +
    `content-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`
  )
}
