import { wrongShape } from "../../domain/backends/model-output.ts"
import type { Features, OpaqueBody, OpaqueRequest, WireProtocol } from "../../ports/model-endpoint.ts"
import type { OutboundAnswer } from "../../ports/outbound-http.ts"

/** What a request carries beyond what all requests to its target do. */
export interface WireRequest {
  readonly body: Uint8Array | string
  readonly headers: Readonly<Record<string, string>>
}

/** How one model is asked in the protocol of its server. */
export interface Wire {
  /** The path of its requests. */
  readonly path: string
  /** Where the server describes the model; undefined where the protocol has no such place. */
  readonly metadataPath?: string
  /** The protocol of bodies that can be passed through; undefined where none can. */
  readonly passes: WireProtocol | undefined
  /** Names of the features that are sent; undefined: all of them. Null: none, for want of a declaration. */
  readonly features: readonly string[] | undefined | null
  /** Whether each instance is a request of its own. */
  readonly perInstance?: boolean
  /** @throws GatewayError `features_invalid` */
  write(instances: readonly Features[], decisionId: string): WireRequest
  /** A request as `write` makes it, of one instance whose values are written `<name>`. */
  preview(): WireRequest
  /** @throws GatewayError `wrong_shape` */
  read(answer: OutboundAnswer, instances: number): number[]
  /** A body of `passes` as it is sent on. */
  forward(payload: OpaqueRequest): WireRequest
  /** What comes back for one. */
  backward(answer: OutboundAnswer): OpaqueBody
}

export const JSON_TYPE = "application/json"

/** What several protocols do alike with a body that is JSON. */
export const jsonForwarding: Pick<Wire, "forward" | "backward"> = {
  forward: ({ bytes }) => ({ body: bytes, headers: { "content-type": JSON_TYPE } }),
  backward: ({ bytes, headers }) => ({ bytes, contentType: headers["content-type"], headers: {} }),
}

const utf8 = new TextDecoder("utf-8", { fatal: true })

/** @throws GatewayError `wrong_shape` for what is no text in UTF-8 */
export function textOf({ bytes }: OutboundAnswer): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw wrongShape("the model's answer is no text in UTF-8")
  }
}

/** @throws GatewayError `wrong_shape` for what is no JSON */
export function jsonOf(answer: OutboundAnswer): unknown {
  try {
    return JSON.parse(textOf(answer))
  } catch {
    throw wrongShape("the model's answer is not JSON")
  }
}

/** Stands for a decision id where a request is shown. */
export const SHOWN_ID = "<decision id>"

/** An instance to show a request with: each value is written as its feature's name. */
export function placeholders(features: readonly string[] | undefined): Features {
  return Object.fromEntries((features ?? ["every feature"]).map((name) => [name, `<${name}>`]))
}
