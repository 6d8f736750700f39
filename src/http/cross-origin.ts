import { GatewayError } from "../domain/errors.ts"
import { type Answer, type Call, withHeaders } from "./call.ts"

/** How long a browser may remember that it may post rewards. */
const MAX_AGE_SECONDS = "600"

/**
 * Which pages' scripts may post rewards and read the answers. Nothing else is for browsers: predictions need a key, and a key in a page is
 * everyone's. Written here rather than taken from a library, since a refused origin is told so and only one path takes part.
 */
export class CrossOrigin {
  readonly #origins: ReadonlySet<string>

  /** @param origins as browsers send them (`https://shop.example`), or `*` for every page */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins)
  }

  /** Whether a request is a browser's question whether it may send another one. */
  isPreflight(call: Call): boolean {
    return (
      call.method === "OPTIONS" &&
      call.header("origin") !== undefined &&
      call.header("access-control-request-method") !== undefined
    )
  }

  /** Answers a preflight for rewards. @throws GatewayError `origin_not_allowed` */
  preflight(call: Call): Answer {
    const method = call.header("access-control-request-method")
    const origin = call.header("origin") ?? ""
    if (!this.#allows(origin) || (method !== "POST" && method !== "GET")) throw new GatewayError("origin_not_allowed")
    const headers = {
      ...this.#headersFor(origin),
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "content-type, x-request-id, traceparent, tracestate",
      "access-control-max-age": MAX_AGE_SECONDS,
      vary: "origin, access-control-request-method, access-control-request-headers",
    }
    return { status: 204, headers, body: null }
  }

  /** Lets the page that a reward came from read its answer. */
  share(call: Call, answer: Answer): Answer {
    if (this.#origins.size === 0) return answer
    const origin = call.header("origin")
    if (origin === undefined || !this.#allows(origin)) return withHeaders(answer, { vary: "origin" })
    const exposed = { vary: "origin", "access-control-expose-headers": "retry-after, x-request-id" }
    return withHeaders(answer, { ...this.#headersFor(origin), ...exposed })
  }

  #allows(origin: string): boolean {
    return this.#origins.has("*") || this.#origins.has(origin)
  }

  /** `sendBeacon` always sends credentials and needs them allowed. There are none that mean anything here: the token is the proof. */
  #headersFor(origin: string): Record<string, string> {
    if (!this.#origins.has(origin)) return { "access-control-allow-origin": "*" }
    return { "access-control-allow-origin": origin, "access-control-allow-credentials": "true" }
  }
}
