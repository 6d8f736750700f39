import { randomHex } from "./random-hex.ts"

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/
/** W3C Trace Context, version 00; later versions may go on after a hyphen. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const MAX_TRACEPARENT_LENGTH = 512
const MAX_TRACESTATE_LENGTH = 512

/** Where a request stands in a trace that spans several services. */
export interface TraceContext {
  /** 32 hexadecimal digits: the caller's, or new where the caller sent none that is valid. */
  readonly traceId: string
  /** Two hexadecimal digits; 01 asks everyone on the way to record. */
  readonly flags: string
  /** What other vendors want passed on, unread. Only with a caller's trace. */
  readonly state: string | undefined
}

/** What a call carries beside its body. Nothing is read or made before it is asked for: most requests need none of it. */
export class CallContext {
  readonly #header: (name: string) => string | undefined
  #requestId: string | undefined
  #trace: TraceContext | undefined

  constructor(header: (name: string) => string | undefined) {
    this.#header = header
  }

  /** The caller's `X-Request-Id` where it is well-formed, else one of ours; the same whenever asked. */
  get requestId(): string {
    this.#requestId ??= readRequestId(this.#header("x-request-id")) ?? crypto.randomUUID()
    return this.#requestId
  }

  /** The caller's trace where `traceparent` is valid, else a new one; the same whenever asked. */
  get trace(): TraceContext {
    this.#trace ??= readTrace(this.#header("traceparent"), this.#header("tracestate"))
    return this.#trace
  }

  /** Headers that continue the trace in a call to another service. Each call is a span of its own. */
  onward(): Readonly<Record<string, string>> {
    const { traceId, flags, state } = this.trace
    const traceparent = `00-${traceId}-${randomHex(8)}-${flags}`
    return state === undefined ? { traceparent } : { traceparent, tracestate: state }
  }

  /** What a log line says about the call that it is about. */
  get logged(): { readonly requestId: string; readonly traceId: string } {
    return { requestId: this.requestId, traceId: this.trace.traceId }
  }
}

/** The id that a caller gave its request, undefined where there is none or it is not well-formed: it is echoed and logged. */
export function readRequestId(header: string | undefined): string | undefined {
  return header !== undefined && REQUEST_ID.test(header) ? header : undefined
}

function readTrace(traceparent: string | undefined, tracestate: string | undefined): TraceContext {
  const valid = traceparent !== undefined && traceparent.length <= MAX_TRACEPARENT_LENGTH
  const match = valid ? TRACEPARENT.exec(traceparent.trim()) : null
  if (match === null || (match[1] === "00" && match[5] !== undefined)) {
    return { traceId: randomHex(16), flags: "00", state: undefined }
  }
  const state = tracestate !== undefined && tracestate.length <= MAX_TRACESTATE_LENGTH ? tracestate : undefined
  // Of the flags only the first is known; the others are not passed on.
  const sampled = (Number.parseInt(match[4] as string, 16) & 1) === 1
  return { traceId: match[2] as string, flags: sampled ? "01" : "00", state }
}
