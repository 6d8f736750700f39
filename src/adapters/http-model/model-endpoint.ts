import type { HttpBackend } from "../../domain/backends/backend.ts"
import { scoreTogetherOrEach } from "../../domain/backends/declared-body.ts"
import type { HttpProtocol } from "../../domain/backends/target.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { ModelAnswer, ModelCall, ModelEndpoint, OpaqueRequest } from "../../ports/model-endpoint.ts"
import type { OutboundAnswer } from "../../ports/outbound-http.ts"
import { type DescribedModel, Description } from "./description.ts"
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

/**
 * A model at an HTTP server of the deployment's. The document says how features become a request and where the prediction is; a body in the
 * server's own protocol is passed through, byte for byte. Of a caller's headers only those of the protocol travel on.
 */
export function createHttpModel(model: DescribedModel): ModelEndpoint {
  const { backend, target, calls } = model
  const wire = WIRES[target.protocol](backend)
  const base = new URL(target.baseUrl).pathname.replace(/\/$/, "")
  const path = `${base}${wire.path}` || "/"
  const { metadataPath } = wire
  const description = metadataPath === undefined ? undefined : new Description(model, `${base}${metadataPath}`)
  const fixed = { ...target.headers, accept: ACCEPT[target.protocol] }

  const send = (request: WireRequest, call: ModelCall): Promise<OutboundAnswer> => {
    if (request.body.length > target.maxBodyBytes) throw new GatewayError("not_taken")
    return calls.send(
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
      call.timeoutMs,
    )
  }

  const score = async (call: ModelCall): Promise<ModelAnswer> => {
    const read = await scoreTogetherOrEach(call.instances, wire.perInstance === true, {
      send: (instances) => send(wire.write(instances, call.decisionId), call),
      read: (answer, instances) => wire.read(answer, instances),
    })
    return { kind: "scores", ...read }
  }

  const pass = async (payload: OpaqueRequest, call: ModelCall): Promise<ModelAnswer> => {
    const answer = await send(wire.forward(payload), call)
    return { kind: "body", body: wire.backward(answer), status: answer.status }
  }

  return {
    model: backend.model ?? backend.target,
    target: backend.target,
    remote: true,
    timeoutMs: backend.timeoutMs,
    knownFeatures: wire.features == null ? undefined : new Set(wire.features),
    takes: { features: wire.features !== null, bodies: wire.passes === undefined ? [] : [wire.passes] },
    maxBodyBytes: target.maxBodyBytes,
    isReady: () => calls.isReady(),
    health: () => calls.health(),
    ...(description && { describe: () => description.ask(), description: () => description.last() }),
    preview: () => {
      if (wire.features === null) return undefined
      const { headers, body } = wire.preview()
      return { target: backend.target, protocol: target.protocol, method: "POST", path, headers, body: String(body) }
    },
    predict: (call) => {
      const { payload } = call
      return payload !== undefined && payload.protocol === wire.passes ? pass(payload, call) : score(call)
    },
  }
}

const ACCEPT: Readonly<Record<HttpProtocol, string>> = {
  "tensorflow-v1": "application/json",
  "open-inference-v2": "application/json, application/octet-stream",
  "seldon-v1": "application/json",
  json: "application/json, text/csv",
}
