/** One request to a server of the deployment's. */
export interface OutboundRequest {
  readonly method: "GET" | "POST"
  /** From the origin's root, with everything that the base address has before it. */
  readonly path: string
  /** Names in lower case; the host and the length are the connection's. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string | undefined
}

/** A whole answer. */
export interface OutboundAnswer {
  readonly status: number
  /** Names in lower case; several of one name are joined by commas. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly bytes: Uint8Array
}

/**
 * Why there is no answer. `unreachable`: no connection, so nothing was sent; `reset`: the connection ended before a byte of the answer came;
 * `broken`: it ended within the answer, or what came is no HTTP; `too_large`: the answer has more bytes than are taken; `late`: it took longer than
 * it might.
 */
export type OutboundFailure = "unreachable" | "reset" | "broken" | "too_large" | "late"

export type OutboundResult =
  | { readonly ok: true; readonly answer: OutboundAnswer }
  | { readonly ok: false; readonly failure: OutboundFailure; readonly error: Error }

/** How the calls to one model of a target go. */
export interface CallHealth {
  readonly target: string
  /** `open`: none are sent for a while, since they failed; `half_open`: the next one tries. */
  readonly circuit: "closed" | "open" | "half_open"
  /** What was wrong with the last one; undefined where nothing was. */
  readonly lastFailure: string | undefined
}

/** Sends the calls of one model, and looks after its server: limits, retries, a circuit breaker. */
export interface ModelCalls {
  /**
   * Sends a request, and once more where that may help.
   *
   * @param timeoutMs what both attempts may take together
   * @returns an answer of 2xx
   * @throws GatewayError `backend_unavailable` where nothing was sent, `deadline_exceeded` where it took longer, `backend_failed` where there
   *         is no answer or one outside 2xx
   */
  send(request: OutboundRequest, timeoutMs: number): Promise<OutboundAnswer>
  /**
   * Sends a request that is no prediction, once: it neither waits for a circuit nor moves one.
   *
   * @returns `unreachable` without having sent it where too many calls are under way
   */
  look(request: OutboundRequest, timeoutMs: number): Promise<OutboundResult>
  /** Whether a call would be sent now. */
  isReady(): boolean
  health(): CallHealth
}

/**
 * Sends requests to one server, over connections that are kept. Redirects are answers like any other: never followed. Sends a request once.
 */
export interface OutboundHttp {
  /** Never rejects. Settles after `timeoutMs` at the latest, and then ends the connection where the answer was under way. */
  send(request: OutboundRequest, timeoutMs: number): Promise<OutboundResult>
  close(): Promise<void>
}
