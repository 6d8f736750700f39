import type { HttpBackend } from "../../domain/backends/backend.ts"
import { instancePointers } from "../../domain/backends/model-input.ts"
import type { HttpProtocol, HttpTarget } from "../../domain/backends/target.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { ModelAnswer, ModelCall, ModelEndpoint, ModelSignature } from "../../ports/model-endpoint.ts"
import type { ModelCalls, OutboundAnswer, Patience } from "../../ports/outbound-http.ts"
import { json } from "./json.ts"
import { openInference } from "./open-inference.ts"
import { seldon } from "./seldon.ts"
import { tensorflow } from "./tensorflow.ts"
import type { Wire, WireRequest } from "./wire.ts"

const WIRES: Readonly<Record<HttpProtocol, (backend: HttpBackend) => Wire>> = {
  "tensorflow-v1": tensorflow,
  "open-inference-v2": openInference,
  "seldon-v1": seldon,
  json,
}

/** What the way back takes: a backend that answers at its own deadline is still in time. */
const WAY_BACK_MS = 5

export interface HttpModel {
  readonly backend: HttpBackend
  readonly target: HttpTarget
  readonly calls: ModelCalls
  /** What the server said of the model, where it has been asked. */
  readonly signature?: () => ModelSignature | undefined
}

/**
 * A model at an HTTP server of the deployment's. The document says how features become a request and where the prediction is; a body in the
 * server's own protocol is passed through, byte for byte. Of a caller's headers only those of the protocol travel on.
 */
export function createHttpModel({ backend, target, calls, signature }: HttpModel): ModelEndpoint {
  const wire = WIRES[target.protocol](backend)
  const path = `${new URL(target.baseUrl).pathname.replace(/\/$/, "")}${wire.path}` || "/"
  const fixed = { ...target.headers, accept: ACCEPT[target.protocol] }

  const send = async (request: WireRequest, call: ModelCall, signal: Patience["signal"]): Promise<OutboundAnswer> => {
    if (request.body.length > target.maxBodyBytes) throw new GatewayError("not_taken")
    return await calls.send(
      {
        method: "POST",
        path,
        headers: {
          ...call.traceHeaders(),
          ...fixed,
          ...request.headers,
          "x-deadline-ms": String(Math.max(1, Math.floor(call.timeoutMs - WAY_BACK_MS))),
        },
        body: request.body,
      },
      { timeoutMs: call.timeoutMs, signal },
    )
  }

  const score = async (call: ModelCall, signal: Patience["signal"]): Promise<ModelAnswer> => {
    const { instances, decisionId } = call
    if (wire.perInstance !== true || instances.length === 1) {
      return {
        kind: "scores",
        scores: wire.read(await send(wire.write(instances, decisionId), call, signal), instances.length),
      }
    }
    const requests = instances.map((instance, index) =>
      instancePointers(index, () => wire.write([instance], decisionId)),
    )
    const answers = await Promise.all(requests.map((request) => send(request, call, signal)))
    return { kind: "scores", scores: answers.flatMap((answer) => wire.read(answer, 1)) }
  }

  return {
    model: backend.model ?? backend.target,
    remote: true,
    timeoutMs: backend.timeoutMs,
    knownFeatures: wire.features == null ? undefined : new Set(wire.features),
    takes: { features: wire.features !== null, bodies: wire.passes === undefined ? [] : [wire.passes] },
    maxBodyBytes: target.maxBodyBytes,
    isReady: () => calls.isReady(),
    health: () => calls.health(),
    ...(signature === undefined ? {} : { signature }),
    preview: () => {
      if (wire.features === null) return undefined
      const { headers, body } = wire.preview()
      return { target: backend.target, protocol: target.protocol, method: "POST", path, headers, body: String(body) }
    },
    predict: async (call, signal) => {
      const { payload } = call
      if (payload === undefined || payload.protocol !== wire.passes) return await score(call, signal)
      return { kind: "body", body: wire.backward(await send(wire.forward(payload), call, signal)) }
    },
  }
}

const ACCEPT: Readonly<Record<HttpProtocol, string>> = {
  "tensorflow-v1": "application/json",
  "open-inference-v2": "application/json, application/octet-stream",
  "seldon-v1": "application/json",
  json: "application/json, text/csv",
}
