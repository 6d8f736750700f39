import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { getRequestListener, type HttpBindings } from "@hono/node-server"
import { type ErrorCode, GatewayError } from "../domain/errors.ts"
import type { Application } from "../http/application.ts"
import type { Answer } from "../http/call.ts"
import { CallContext } from "../http/call-context.ts"
import { mountOnHono, toResponse } from "../http/hono.ts"
import type { AdmittedRequest } from "../http/overload/admission.ts"
import { problemAnswer } from "../http/problem.ts"
import { type JudgeHost, SERVE_ANY_HOST } from "../http/served-hosts.ts"
import { discardRest, IncomingBodies } from "./incoming-body.ts"
import { LiteralRoutes, type Match } from "./literal-routes.ts"
import { NodeCall, writeAnswer } from "./node-call.ts"
import type { Gate } from "./overload/gate.ts"
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
  /** What refuses requests while there are too many. Default: all are served. */
  readonly gate?: Gate | undefined
  /** Told of each request that is refused before the application sees it. */
  readonly onRefusal?: (code: ErrorCode) => void
}

/**
 * An HTTP server for the application with the limits of a server on the edge, and the requests that Node's parser lets through although no
 * honest client sends them refused before the application sees them.
 */
export function createNodeServer(application: Application, options: NodeServerOptions = {}): Server {
  const { isDraining = () => false, judgeHost = SERVE_ANY_HOST } = options
  const { gate, peers = new Peers(limitsForThisProcess()), bodies = new IncomingBodies() } = options
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
  const throughHono = new WeakMap<object, AdmittedRequest>()
  const app = mountOnHono(
    application,
    (c, maxBytes) => {
      const { incoming, outgoing } = c.env as HttpBindings
      return bodies.read(incoming, outgoing, maxBytes, throughHono.get(incoming))
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
    if (isDraining() || gate?.admission.closesConnections === true) response.shouldKeepAlive = false
    const refusal = refusalOf(request, judgeHost)
    if (refusal !== undefined) {
      refuse(request, response, refusal)
      return
    }
    const { method = "", url = "" } = request
    const match = routes.find(method, url)
    const partition = match === undefined ? routes.partitionOf(method, url) : match.partition
    let admitted: AdmittedRequest | undefined
    if (gate !== undefined && partition !== undefined) {
      admitted = gate.enter(request, response, partition)
      if (admitted === undefined) return
    }
    if (match === undefined) {
      if (admitted !== undefined) throughHono.set(request, admitted)
      void askHono(request, response).finally(() => admitted?.end())
    } else answerCall(match, { request, response, bodies, admitted })
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

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly bodies: IncomingBodies
  readonly admitted: AdmittedRequest | undefined
}

function answerCall({ answer, parameter }: Match, { request, response, bodies, admitted }: Exchange): void {
  const send = (given: Answer): void => {
    admitted?.end()
    writeAnswer(response, given)
    if (!request.complete) discardRest(request)
  }
  const call = new NodeCall(request, response, bodies, parameter, admitted)
  const answered = answer(call)
  if (!(answered instanceof Promise)) {
    send(answered)
    return
  }
  if (!call.readsBody) admitted?.begin()
  void answered.then(send)
}
