import type { IncomingMessage, ServerResponse } from "node:http"
import type { Answer, Call } from "../http/call.ts"
import { CallContext } from "../http/call-context.ts"
import type { BodyProgress, IncomingBodies } from "./incoming-body.ts"
import type { Match } from "./literal-routes.ts"

/** A request of Node's server as the application sees it, without a Request in between. */
export class NodeCall implements Call {
  readonly method: string
  readonly target: string
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  readonly #bodies: IncomingBodies
  readonly #parameter: Match["parameter"]
  readonly #progress: BodyProgress | undefined
  #readsBody = false
  #context: CallContext | undefined

  constructor(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    bodies: IncomingBodies,
    parameter: Match["parameter"],
    progress?: BodyProgress,
  ) {
    this.method = incoming.method ?? ""
    this.target = incoming.url ?? ""
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#bodies = bodies
    this.#parameter = parameter
    this.#progress = progress
  }

  /** Whether anybody asked for the body. */
  get readsBody(): boolean {
    return this.#readsBody
  }

  get context(): CallContext {
    this.#context ??= new CallContext((name) => this.header(name))
    return this.#context
  }

  get peer(): string | undefined {
    return this.#incoming.socket.remoteAddress
  }

  /** As fetch has it: every value of a repeated header, also of those of which Node's `headers` keeps one. */
  header(name: string): string | undefined {
    const { rawHeaders } = this.#incoming
    let value: string | undefined
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const one = rawHeaders[i] as string
      if (one.length !== name.length || one.toLowerCase() !== name) continue
      const more = rawHeaders[i + 1] as string
      value = value === undefined ? more : `${value}, ${more}`
    }
    return value
  }

  param(name: string): string | undefined {
    return this.#parameter?.name === name ? this.#parameter.value : undefined
  }

  readBytes(maxBytes: number): Promise<Uint8Array> {
    this.#readsBody = true
    return this.#bodies.read(this.#incoming, this.#outgoing, maxBytes, this.#progress)
  }
}

/** Writes an answer to its peer. */
export function writeAnswer(outgoing: ServerResponse, { status, headers, body }: Answer): void {
  if (body === null) {
    // Of these two a length would say what the answer has that isn't sent.
    const length = status === 204 || status === 304 ? {} : { "content-length": 0 }
    outgoing.writeHead(status, { ...headers, ...length })
    outgoing.end()
    return
  }
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength
  outgoing.writeHead(status, { ...headers, "content-length": length })
  outgoing.end(body)
}
