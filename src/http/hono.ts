import { type Context, Hono } from "hono"
import { GatewayError } from "../domain/errors.ts"
import type { Application } from "./application.ts"
import type { Answer, Call } from "./call.ts"
import { CallContext } from "./call-context.ts"
import { tooLarge } from "./read-body.ts"

/** Reads a request's body whole, as `Call.readBytes` says. A runtime may have a shorter way to its bytes than the Request's. */
export type ReadBytes = (c: Context, maxBytes: number) => Promise<Uint8Array>

/** The address that a request came from, as far as the runtime knows it. */
export type PeerOf = (c: Context) => string | undefined

/** The application as a fetch handler: what a Worker is, and what Node's server falls back to. */
export function mountOnHono(
  { routes, notFound, failed }: Application,
  readBytes: ReadBytes,
  peerOf: PeerOf = () => undefined,
): Hono {
  const app = new Hono()
  const callOf = (c: Context, verb = ""): Call => new HonoCall(c, readBytes, peerOf, verb)
  for (const { path, methods, refuse } of routes) {
    // `{name}:predict`: to the router the parameter is all of the segment.
    const [, verb] = /\}(:\w+)$/.exec(path) ?? []
    const routed = path.replaceAll(/\{(\w+)\}(:\w+)?/g, (_, name, end) => `:${name}${end ? `{[^/]+${end}}` : ""}`)
    for (const [method, answer] of methods) {
      app.on(method, routed, async (c) => toResponse(await answer(callOf(c, verb))))
    }
    app.all(routed, (c) => toResponse(refuse(callOf(c, verb))))
  }
  app.notFound((c) => toResponse(notFound(callOf(c))))
  app.onError((error, c) => toResponse(failed(callOf(c), error)))
  return app
}

export function toResponse({ status, headers, body }: Answer): Response {
  return new Response(body as string | Uint8Array<ArrayBuffer> | null, { status, headers })
}

class HonoCall implements Call {
  readonly context: CallContext
  readonly #c: Context
  readonly #readBytes: ReadBytes
  readonly #peerOf: PeerOf
  readonly #verb: string

  /** @param verb what the path has behind its last parameter within the same segment */
  constructor(c: Context, readBytes: ReadBytes, peerOf: PeerOf, verb: string) {
    this.#c = c
    this.#readBytes = readBytes
    this.#peerOf = peerOf
    this.#verb = verb
    this.context = new CallContext((name) => c.req.header(name))
  }

  get method(): string {
    return this.#c.req.method
  }

  get target(): string {
    const { url } = this.#c.req
    // The first slash behind that of "https://".
    return url.slice(url.indexOf("/", "https://".length))
  }

  get peer(): string | undefined {
    return this.#peerOf(this.#c)
  }

  header(name: string): string | undefined {
    return this.#c.req.header(name)
  }

  param(name: string): string | undefined {
    const value = this.#c.req.param(name)
    return this.#verb === "" ? value : value?.slice(0, -this.#verb.length)
  }

  readBytes(maxBytes: number): Promise<Uint8Array> {
    return this.#readBytes(this.#c, maxBytes)
  }
}

/** Every runtime's way. */
export const readRequestBytes: ReadBytes = async (c, maxBytes) => {
  try {
    return await readCounted(c.req.raw.body, maxBytes)
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    throw new GatewayError("bad_request", { detail: "The connection closed before the body was whole.", cause })
  }
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
