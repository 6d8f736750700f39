import type { CallContext } from "./call-context.ts"

/** A request as operations see it, whatever server took it. */
export interface Call {
  /** In upper case. */
  readonly method: string
  /** What was asked for, as it came: the path and, behind a question mark, the query. */
  readonly target: string
  /** Its id and its trace. */
  readonly context: CallContext
  /** The address that the connection came from, where the server knows it. Never what a header says: anybody can send one. */
  readonly peer: string | undefined
  /** A header's value; those of a repeated one joined by commas. @param name in lower case */
  header(name: string): string | undefined
  /** What the path has in the place of a `{name}`, decoded. */
  param(name: string): string | undefined
  /**
   * Reads the body whole.
   *
   * @throws GatewayError `payload_too_large` as soon as more than `maxBytes` have come, `overloaded`, or `bad_request` where the peer goes away before
   *         the end
   */
  readBytes(maxBytes: number): Promise<Uint8Array>
}

/** What a call is answered with. Names of headers are in lower case; the length of the body is the server's to say. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Null for an answer without one. */
  readonly body: string | Uint8Array | null
}

/** Answers a call. Never throws, never rejects: what goes wrong is answered as a problem. */
export type AnswerCall = (call: Call) => Answer | Promise<Answer>

const NO_STORE = { "cache-control": "no-store" }

/** A JSON document that nobody may keep. */
export function jsonAnswer(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { ...NO_STORE, "content-type": "application/json", ...headers },
    body: JSON.stringify(value),
  }
}

/** An answer without a body that nobody may keep. */
export function emptyAnswer(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { ...NO_STORE, ...headers }, body: null }
}

export function withHeaders(answer: Answer, headers: Readonly<Record<string, string>>): Answer {
  return { ...answer, headers: { ...answer.headers, ...headers } }
}

/** The query of a call as it came, without its question mark. */
export function queryOf({ target }: Call): string {
  const cut = target.indexOf("?")
  return cut < 0 ? "" : target.slice(cut + 1)
}
