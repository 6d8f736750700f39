import type { MemoryModelEndpoint } from "#src/adapters/memory/model-endpoint.ts"
import type { ModelAnswer, WireProtocol } from "#src/ports/model-endpoint.ts"
import type { TestGateway } from "../gateway.ts"

export const FEATURES = { hour: "14102100", banner_pos: "0" }

/** Sends a body as it is, of the type that the headers say, or of none. */
export function post(
  { request }: Pick<TestGateway, "request">,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const sent =
    body instanceof Uint8Array ? new Uint8Array(body) : typeof body === "string" ? body : JSON.stringify(body)
  return request(path, { method: "POST", headers, body: sent })
}

/** A body that no text is like. */
export const OPAQUE = Uint8Array.from({ length: 256 }, (_, index) => index)

/** Makes models of a gateway speak a protocol: they are asked with bodies as they are, and answer with this one. */
export function speak(models: readonly MemoryModelEndpoint[], protocol: WireProtocol, answer?: ModelAnswer): void {
  for (const model of models) {
    model.takes = { features: false, bodies: [protocol] }
    const body = { bytes: OPAQUE, contentType: "application/x-own", headers: {} }
    model.behaviour = { kind: "answer", answer: answer ?? { kind: "body", body } }
  }
}

/** What was asked last with a body as it is. */
export function lastPayload(models: readonly MemoryModelEndpoint[]) {
  return models.find(({ lastCall }) => lastCall !== undefined)?.lastCall?.payload
}
