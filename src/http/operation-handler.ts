import type { Caller } from "./authorize.ts"
import type { Answer, Call } from "./call.ts"
import type { RequestBody } from "./contract/operation.ts"
import { type BodyRules, readBody } from "./read-body.ts"

/** A request's body, read as its operation's contract allows; of at most so many bytes, where that is less. @throws GatewayError as `readBody` */
export type BodyReader = (
  call: Call,
  atMostBytes?: number,
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
  return (call, atMostBytes) =>
    readBody(call, atMostBytes === undefined ? rules : { mediaTypes, maxBytes: Math.min(rules.maxBytes, atMostBytes) })
}
