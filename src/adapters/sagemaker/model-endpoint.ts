import type { SageMakerBackend } from "../../domain/backends/backend.ts"
import { declaredBody, scoreTogetherOrEach } from "../../domain/backends/declared-body.ts"
import { sagemakerForm } from "../../domain/backends/fit.ts"
import { wrongShape } from "../../domain/backends/model-output.ts"
import type { LocatedSageMaker } from "../../domain/backends/target.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { ModelAnswer, ModelCall, ModelEndpoint, OpaqueRequest } from "../../ports/model-endpoint.ts"
import type { ModelCalls, OutboundAnswer } from "../../ports/outbound-http.ts"
import {
  ASYNC_FIELDS,
  CUSTOM_ATTRIBUTES,
  FAILURE_LOCATION,
  fieldsOf,
  INFERENCE_ID,
  INPUT_LOCATION,
  INVOKE_FIELDS,
  INVOKED_VARIANT,
  type Invocation,
  invocationPath,
  MODEL,
  OUTPUT_LOCATION,
  VARIANT,
} from "./invocation.ts"
import type { Transport } from "./transport.ts"

const utf8 = new TextDecoder()

export interface SageMakerModel {
  readonly backend: SageMakerBackend
  readonly target: LocatedSageMaker
  readonly calls: ModelCalls
  readonly transport: Transport
}

/**
 * A model behind a SageMaker endpoint: one production variant or model of it where the document says so. Real-time and serverless endpoints are
 * asked alike; of an asynchronous one the answer is where the prediction will be. The inference id is the caller's, else the decision's.
 */
export function createSageMakerModel({ backend, target, calls, transport }: SageMakerModel): ModelEndpoint {
  const { mode, request = {}, response = {} } = backend
  const declared = declaredBody({ ...request, form: sagemakerForm(backend) }, response, {
    body: { instances: "$instances" },
    pointer: "/predictions",
  })
  const chosen = {
    ...(backend.variant === undefined ? {} : { [VARIANT]: backend.variant }),
    ...(backend.model === undefined ? {} : { [MODEL]: backend.model }),
  }
  const ownHeaders = { "content-type": declared.contentType, accept: "application/json, text/csv", ...chosen }

  const send = ({ headers, body }: Pick<Invocation, "headers" | "body">, call: ModelCall): Promise<OutboundAnswer> => {
    if (body.length > target.maxBodyBytes) throw new GatewayError("not_taken")
    return transport.send({ mode, headers, body, unsigned: call.traceHeaders() }, call.timeoutMs)
  }

  const score = async (call: ModelCall): Promise<ModelAnswer> => {
    const headers = { ...ownHeaders, [INFERENCE_ID]: call.decisionId }
    const read = await scoreTogetherOrEach(call.instances, declared.perInstance, {
      send: (instances) => send({ headers, body: declared.write(instances) }, call),
      read: ({ bytes }, instances) => declared.read(utf8.decode(bytes), instances),
    })
    return { kind: "scores", ...read }
  }

  const pass = async (payload: OpaqueRequest, call: ModelCall): Promise<ModelAnswer> => {
    const type = payload.contentType === undefined ? {} : { "content-type": payload.contentType }
    const headers = {
      [INFERENCE_ID]: call.decisionId,
      ...fieldsOf(payload.headers, INVOKE_FIELDS),
      ...type,
      ...chosen,
    }
    const answer = await send({ headers, body: payload.bytes }, call)
    const kept = [INVOKED_VARIANT, CUSTOM_ATTRIBUTES].flatMap((name) => {
      const value = answer.headers[name]
      return value === undefined ? [] : [[name, value]]
    })
    const body = { bytes: answer.bytes, contentType: answer.headers["content-type"], headers: Object.fromEntries(kept) }
    return { kind: "body", body, status: answer.status }
  }

  const accept = async (payload: OpaqueRequest, call: ModelCall): Promise<ModelAnswer> => {
    const location = payload.headers[INPUT_LOCATION]
    if (location === undefined || target.inputPrefix === undefined || !location.startsWith(target.inputPrefix)) {
      const detail = `X-Amzn-SageMaker-InputLocation must begin with ${target.inputPrefix}.`
      throw new GatewayError("features_invalid", { detail })
    }
    const headers = { [INFERENCE_ID]: call.decisionId, ...fieldsOf(payload.headers, ASYNC_FIELDS) }
    const answer = await send({ headers, body: "" }, call)
    const output = answer.headers[OUTPUT_LOCATION]
    if (output === undefined) throw wrongShape("the endpoint didn't say where its answer will be")
    const { status, headers: answered } = answer
    return { kind: "accepted", location: output, failureLocation: answered[FAILURE_LOCATION], status }
  }

  return {
    model: backend.model ?? backend.variant ?? target.endpoint,
    target: backend.target,
    remote: true,
    timeoutMs: backend.timeoutMs,
    knownFeatures: request.features === undefined ? undefined : new Set(request.features),
    takes: { features: mode === "invoke", bodies: [mode === "invoke" ? "sagemaker" : "sagemaker-async"] },
    maxBodyBytes: target.maxBodyBytes,
    isReady: () => calls.isReady(),
    health: () => calls.health(),
    preview: () => {
      if (mode === "async") return undefined
      const shown = Object.fromEntries((request.features ?? ["every feature"]).map((name) => [name, `<${name}>`]))
      return {
        target: backend.target,
        protocol: "sagemaker",
        method: "POST",
        path: invocationPath(target.endpoint, mode),
        headers: { ...ownHeaders, [INFERENCE_ID]: "<decision id>" },
        body: declared.write([shown]),
      }
    },
    predict: (call) => {
      const { payload } = call
      if (mode === "async" && payload?.protocol === "sagemaker-async") return accept(payload, call)
      if (mode === "invoke" && payload?.protocol === "sagemaker") return pass(payload, call)
      return score(call)
    },
  }
}
