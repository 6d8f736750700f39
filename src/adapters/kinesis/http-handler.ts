import { Readable } from "node:stream"
import { Agent, type Dispatcher } from "undici"

/** A request as the SDK has made and signed it. */
export interface SignedRequest {
  readonly method: string
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly path: string
  readonly headers: Record<string, string>
  readonly body?: unknown
}

interface HttpAnswer {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly body: Dispatcher.ResponseData["body"]
}

/** Milliseconds. */
const CONNECT_WITHIN = 2_000
const ANSWER_WITHIN = 10_000
const KEEP_ALIVE = 20_000

/**
 * Carries what the SDK has signed, by HTTP/1.1 over undici: a quarter of the processor time of the SDK's own handlers, and a request that gets
 * no answer in time ends.
 */
export class HttpHandler {
  readonly metadata = { handlerProtocol: "http/1.1" }
  readonly #agent: Agent

  /** @param answerWithinMs from the request to the answer's head, and between parts of its body */
  constructor(connections: number, answerWithinMs = ANSWER_WITHIN) {
    this.#agent = new Agent({
      connections,
      pipelining: 1,
      allowH2: false,
      connectTimeout: CONNECT_WITHIN,
      headersTimeout: answerWithinMs,
      bodyTimeout: answerWithinMs,
      keepAliveTimeout: KEEP_ALIVE,
    })
  }

  async handle(
    request: SignedRequest,
    options: { readonly abortSignal?: unknown } = {},
  ): Promise<{ response: HttpAnswer }> {
    const { method, protocol, hostname, port, path, headers, body } = request
    const { abortSignal } = options
    const answer = await this.#agent.request({
      origin: `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`,
      method,
      path,
      headers,
      body: typeof body === "string" || body instanceof Uint8Array || body instanceof Readable ? body : null,
      signal: abortSignal instanceof AbortSignal ? abortSignal : null,
    })
    const { statusCode, body: answered } = answer
    return { response: { statusCode, headers: singleHeaders(answer.headers), body: answered } }
  }

  /** Part of what the SDK asks of a handler; there is nothing to set afterwards. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): Record<string, never> {
    return {}
  }

  destroy(): void {
    void this.#agent.destroy()
  }
}

function singleHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")]),
  )
}
