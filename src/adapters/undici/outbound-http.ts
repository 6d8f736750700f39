import type { LookupAddress, LookupOptions } from "node:dns"
import { lookup as resolveName } from "node:dns"
import { type Dispatcher, Pool } from "undici"
import { forbiddenAddress } from "../../domain/backends/dialled-address.ts"
import type {
  OutboundAnswer,
  OutboundFailure,
  OutboundHttp,
  OutboundRequest,
  OutboundResult,
} from "../../ports/outbound-http.ts"

/** A server that takes longer to take a connection is not there. */
const CONNECT_WITHIN_MS = 1_000
/** Servers that don't say how long they keep a connection close it after five seconds, the first of them. */
const KEEP_IDLE_MS = 4_000

/** Resolves a name to all its addresses, as `dns.lookup` does. */
export type Resolve = (
  name: string,
  options: LookupOptions & { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

export interface OutboundOptions {
  /** Scheme, host and port. */
  readonly origin: string
  readonly connections: number
  /** The most bytes of an answer's body that are taken. */
  readonly maxAnswerBytes: number
  readonly resolve?: Resolve
}

/** Sends requests to one origin over a pool of kept connections. Every address is looked at before it is dialled, names at each new connection. */
export function createOutboundHttp(options: OutboundOptions): OutboundHttp {
  const { origin, connections, maxAnswerBytes, resolve = resolveName } = options
  requireAllowed(new URL(origin).hostname.replace(/^\[|\]$/g, ""))
  const pool = new Pool(origin, {
    connections,
    pipelining: 1,
    keepAliveTimeout: KEEP_IDLE_MS,
    // The caller's deadline is the only one.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_WITHIN_MS, lookup: allowedAddresses(resolve) },
  })
  return {
    send: (request, timeoutMs) =>
      new Promise((settle) => {
        pool.dispatch(dispatchOptions(request), new Exchange(maxAnswerBytes, timeoutMs, settle))
      }),
    close: () => pool.destroy(),
  }
}

function dispatchOptions({ method, path, headers, body }: OutboundRequest): Dispatcher.DispatchOptions {
  return { method, path, headers: headers as Record<string, string>, body: body ?? null }
}

/** One request under way. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #maxBytes: number
  readonly #timer: NodeJS.Timeout
  readonly #settle: (result: OutboundResult) => void
  readonly #chunks: Uint8Array[] = []
  #controller: Dispatcher.DispatchController | undefined
  #status = 0
  #headers: Readonly<Record<string, string | undefined>> = {}
  #bytes = 0
  #settled = false

  constructor(maxBytes: number, timeoutMs: number, settle: (result: OutboundResult) => void) {
    this.#maxBytes = maxBytes
    this.#settle = settle
    this.#timer = setTimeout(() => this.#giveUp(timeoutMs), timeoutMs)
  }

  /** A connection has taken the request. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#settled) controller.abort(new Error("nobody waits any more"))
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    this.#status = status
    this.#headers = joined(headers)
    if (Number(this.#headers["content-length"] ?? 0) > this.#maxBytes) this.#tooLarge()
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#maxBytes) this.#tooLarge()
    else this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    const [first = new Uint8Array(0)] = this.#chunks
    const bytes = this.#chunks.length <= 1 ? first : Buffer.concat(this.#chunks)
    this.#end({ ok: true, answer: { status: this.#status, headers: this.#headers, bytes } })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end({ ok: false, failure: this.#failureOf(error), error })
  }

  #failureOf(error: Error): OutboundFailure {
    if (this.#controller === undefined) return "unreachable"
    if (this.#status === 0 && error.name !== "HTTPParserError") return "reset"
    return "broken"
  }

  #tooLarge(): void {
    const error = new Error(`the answer has more than ${this.#maxBytes} bytes`)
    this.#end({ ok: false, failure: "too_large", error })
    this.#controller?.abort(error)
  }

  #giveUp(timeoutMs: number): void {
    const error = new Error(`no answer within ${Math.round(timeoutMs)} ms`)
    this.#end({ ok: false, failure: "late", error })
    this.#controller?.abort(error)
  }

  #end(result: OutboundResult): void {
    if (this.#settled) return
    this.#settled = true
    clearTimeout(this.#timer)
    this.#settle(result)
  }
}

/** Several headers of one name as one. */
function joined(headers: Readonly<Record<string, string | string[] | undefined>>): OutboundAnswer["headers"] {
  let single = true
  for (const name in headers) single &&= typeof headers[name] === "string"
  if (single) return headers as OutboundAnswer["headers"]
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(", ")]))
}

/** A look-up that keeps forbidden addresses from whoever connects: a name may point anywhere, and somewhere else each time. */
function allowedAddresses(resolve: Resolve) {
  return (
    name: string,
    options: LookupOptions,
    done: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void,
  ): void => {
    resolve(name, { ...options, all: true }, (error, addresses) => {
      const [first, ...more] =
        error === null ? addresses.filter(({ address }) => forbiddenAddress(address) === undefined) : []
      if (first === undefined) done(error ?? new Error(`${name} is at no address that may be dialled`), "")
      else if (options.all === true) done(null, [first, ...more])
      else done(null, first.address, first.family)
    })
  }
}

/** Addresses written as such are dialled without a look-up. */
function requireAllowed(host: string): void {
  const problem = forbiddenAddress(host)
  if (problem !== undefined) throw new Error(`[undici] ${host} ${problem}`)
}
