import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { getRequestListener, type HttpBindings } from "@hono/node-server"
import { type ErrorCode, GatewayError } from "../domain/errors.ts"
import type { Application } from "../http/application.ts"
import type { Answer, AnswerCall } from "../http/call.ts"
import { CallContext } from "../http/call-context.ts"
import { mountOnHono, toResponse } from "../http/hono.ts"
import { problemAnswer } from "../http/problem.ts"
import { type JudgeHost, SERVE_ANY_HOST } from "../http/served-hosts.ts"
import { discardRest, IncomingBodies } from "./incoming-body.ts"
import { LiteralRoutes } from "./literal-routes.ts"
import { NodeCall, writeAnswer } from "./node-call.ts"
import { limitsForThisProcess, Peers } from "./peers.ts"
import {
  type ClientError,
  clientProblem,
  MAX_HEADER_BYTES,
  MAX_HEADERS,
  type Refusal,
  rawAnswer,
  refusalAnswer,
  refusalOf,
} from "./refusals.ts"

const HEADERS_TIMEOUT_MS = 2000
const REQUEST_TIMEOUT_MS = 3000
const TIMEOUT_CHECK_MS = 500
const KEEP_ALIVE_MS = 5000
const MAX_REQUESTS_PER_SOCKET = 10_000

export interface NodeServerOptions {
  /** While true, every answer tells its client to open its next connection elsewhere. */
  readonly isDraining?: () => boolean
  /** Which hosts are served. Default: any. */
  readonly judgeHost?: JudgeHost
  readonly peers?: Peers
  readonly bodies?: IncomingBodies
  /** Told of each request that is refused before the application sees it. */
  readonly onRefusal?: (code: ErrorCode) => void
}

/**
 * An HTTP server for the application with the limits of a server on the edge, and the requests that Node's parser lets through although no
 * honest client sends them refused before the application sees them.
 */
export function createNodeServer(application: Application, options: NodeServerOptions = {}): Server {
  const { isDraining = () => false, judgeHost = SERVE_ANY_HOST } = options
  const { peers = new Peers(limitsForThisProcess()), bodies = new IncomingBodies() } = options
  const refuse = (request: IncomingMessage, response: ServerResponse, refusal: Refusal): void => {
    options.onRefusal?.(refusal.error.code)
    const { status, headers, text } = refusalAnswer(refusal)
    const call = new CallContext((name) => [request.headers[name]].flat().join())
    response.writeHead(status, { ...headers, "x-request-id": call.requestId })
    response.end(text)
  }
  const dismiss = (socket: Socket, error: GatewayError): void => {
    options.onRefusal?.(error.code)
    peers.dismiss(socket, rawAnswer(error))
  }
  const app = mountOnHono(
    application,
    (c, maxBytes) => {
      const { incoming, outgoing } = c.env as HttpBindings
      return bodies.read(incoming, outgoing, maxBytes)
    },
    (c) => (c.env as HttpBindings).incoming.socket.remoteAddress,
  )
  const askHono = getRequestListener(app.fetch, {
    overrideGlobalObjects: true,
    // What a request without a host is taken to have asked.
    hostname: "localhost",
    errorHandler: () =>
      toResponse(problemAnswer(new GatewayError("bad_request", { detail: "The request's target is not a path." }))),
  })
  const routes = new LiteralRoutes(application.routes)
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    if (isDraining()) response.shouldKeepAlive = false
    const refusal = refusalOf(request, judgeHost)
    if (refusal !== undefined) {
      refuse(request, response, refusal)
      return
    }
    const match = routes.find(request.method ?? "", request.url ?? "")
    if (match === undefined) void askHono(request, response)
    else answerCall(match.answer, new NodeCall(request, response, bodies, match.parameter), request, response)
  }
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
      // Ours has a problem document, and lets HTTP/1.0 do without.
      requireHostHeader: false,
    },
    (request, response) => peers.take(request, response, serve),
  )
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET
  server.maxHeadersCount = MAX_HEADERS + 1
  // A peer that has said all it has to say still wants its answer.
  Object.assign(server, { httpAllowHalfOpen: true })
  peers.watch(server)

  server.on("checkExpectation", (request, response) => {
    peers.take(request, response, () =>
      refuse(request, response, { error: new GatewayError("expectation_failed"), closes: true }),
    )
  })
  // Upgrades have no listener, so that Node answers them as the requests that they are.
  server.on("connect", (_request, socket: Socket) => dismiss(socket, new GatewayError("method_not_allowed")))
  server.on("clientError", (error: ClientError, socket: Socket) => {
    // A connection that closed has nothing left to be told.
    if (error.code === "ECONNRESET" || !socket.writable) socket.destroy()
    else dismiss(socket, clientProblem(error))
  })
  return server
}

function answerCall(answer: AnswerCall, call: NodeCall, request: IncomingMessage, response: ServerResponse): void {
  const send = (given: Answer): void => {
    writeAnswer(response, given)
    if (!request.complete) discardRest(request)
  }
  const answered = answer(call)
  if (answered instanceof Promise) void answered.then(send)
  else send(answered)
}
