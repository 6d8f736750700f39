import type { Caller } from "./authorize.ts"
import type { Answer, Call } from "./call.ts"
import type { RequestBody } from "./contract/operation.ts"
import { type BodyRules, readBody } from "./read-body.ts"

/**
 * A request's body, read as its operation's contract allows.
 *
 * @param maxBytes as many as the models take that it is passed on to; what the gateway itself reads when left out
 * @throws GatewayError as `readBody`
 */
export type BodyReader = (
  call: Call,
  maxBytes?: number,
) => Promise<{ readonly bytes: Uint8Array; readonly mediaType: string }>

/** What answers an operation, once the caller may have it. Whatever it throws is answered as a problem. */
export type OperationHandler = (call: Call, readBody: BodyReader, caller: Caller) => Answer | Promise<Answer>

/** The reader for an operation's body. One that takes none has nothing to read: asking is a mistake of the handler's. */
export function bodyReader(request: RequestBody | undefined): BodyReader {
  if (request === undefined) {
    return () => Promise.reject(new Error("the contract has no body here"))
  }
  const mediaTypes = [...new Set(request.contents.map(({ mediaType }) => mediaType))]
  const rules: BodyRules = { mediaTypes, maxBytes: request.maxBytes }
  const { maxPassedBytes = request.maxBytes } = request
  return (call, maxBytes) =>
    readBody(call, maxBytes === undefined ? rules : { mediaTypes, maxBytes: Math.min(maxPassedBytes, maxBytes) })
}
