import { GatewayError } from "../../domain/errors.ts"
import type { OpaqueRequest, WireProtocol } from "../../ports/model-endpoint.ts"
import { type Answer, type Call, jsonAnswer, withHeaders } from "../call.ts"
import { unitProblem } from "../contract/predict-body.ts"
import type { BodyReader, OperationHandler } from "../operation-handler.ts"
import type { PredictRouteDeps } from "../routes/predict.ts"
import { hasNoEscapes, parseJsonBytes } from "../strict-json.ts"
import { ask, findNamed, type Reply, unitInHeader } from "./ask.ts"
import { plainPrediction, readFeatureBody } from "./feature-body.ts"
import { bodyAnswer, headersOf, maxBodyBytes, takeBody } from "./opaque.ts"

const CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
const INFERENCE_ID = "x-amzn-sagemaker-inference-id"
const MAX_CUSTOM_ATTRIBUTES = 1024
const UNIT_ATTRIBUTE = "unitId="

/** What goes on to an endpoint beside the body. Which variant it asks is the experiment's to say, not the caller's. */
const PASSED = [
  "accept",
  CUSTOM_ATTRIBUTES,
  INFERENCE_ID,
  "x-amzn-sagemaker-target-model",
  "x-amzn-sagemaker-target-container-hostname",
  "x-amzn-sagemaker-inference-component",
  "x-amzn-sagemaker-enable-explanations",
  "x-amzn-sagemaker-session-id",
]
const PASSED_ASYNC = [
  CUSTOM_ATTRIBUTES,
  INFERENCE_ID,
  "x-amzn-sagemaker-accept",
  "x-amzn-sagemaker-content-type",
  "x-amzn-sagemaker-inputlocation",
  "x-amzn-sagemaker-invocationtimeoutseconds",
  "x-amzn-sagemaker-requestttlseconds",
]

/** `POST /endpoints/{name}/invocations`: InvokeEndpoint of the SageMaker runtime. */
export function invokeEndpointRoute(deps: PredictRouteDeps): OperationHandler {
  return async (call, readBody, caller) => {
    const served = findNamed(deps.experiments, call.param("name"), caller)
    const unit = unitInHeader(call) ?? unitInAttributes(call)
    const payload = await readPayload(call, readBody, "sagemaker", maxBodyBytes(served, "sagemaker"), PASSED)
    const { bytes } = payload
    const read = () => readFeatureBody(parseJsonBytes(bytes), hasNoEscapes(bytes))
    const question = takeBody(served, payload, read)
    const reply = await ask(deps, call, served, {
      ...question,
      unitId: unit ?? question.unitId,
      forcedVariant: call.header("x-amzn-sagemaker-target-variant"),
    })
    const { result } = reply
    if (result.kind === "body") return labelled(call, reply, bodyAnswer(result.body, {}))
    return labelled(call, reply, jsonAnswer(plainPrediction(reply, question.slate)))
  }
}

/** `POST /endpoints/{name}/async-invocations`: InvokeEndpointAsync, for experiments over asynchronous endpoints. */
export function invokeEndpointAsyncRoute(deps: PredictRouteDeps): OperationHandler {
  return async (call, readBody, caller) => {
    const served = findNamed(deps.experiments, call.param("name"), caller)
    const unit = unitInHeader(call) ?? unitInAttributes(call)
    const payload = await readPayload(call, readBody, "sagemaker-async", undefined, PASSED_ASYNC)
    const read = (): never => {
      throw new GatewayError("bad_request", { detail: "This endpoint is not asynchronous. Use InvokeEndpoint." })
    }
    const reply = await ask(deps, call, served, {
      ...takeBody(served, payload, read),
      unitId: unit,
      forcedVariant: call.header("x-amzn-sagemaker-target-variant"),
    })
    const { result, prediction } = reply
    if (result.kind !== "accepted") throw new GatewayError("backend_failed", { detail: "No endpoint has taken it." })
    const failure = result.failureLocation
    const locations = {
      "x-amzn-sagemaker-outputlocation": result.location,
      ...(failure === undefined ? {} : { "x-amzn-sagemaker-failurelocation": failure }),
    }
    const inferenceId = call.header(INFERENCE_ID) ?? prediction.decisionId
    return labelled(call, reply, jsonAnswer({ InferenceId: inferenceId }, 202, locations))
  }
}

/** `POST /endpoints/{name}/invocations-response-stream`. */
export const invokeStreamingRoute: OperationHandler = () => {
  throw new GatewayError("not_implemented", { detail: "Streaming invocations are not served. Use InvokeEndpoint." })
}

async function readPayload(
  call: Call,
  readBody: BodyReader,
  protocol: WireProtocol,
  maxBytes: number | undefined,
  passed: readonly string[],
): Promise<OpaqueRequest> {
  const { bytes } = await readBody(call, maxBytes)
  return { protocol, bytes, contentType: call.header("content-type"), headers: headersOf(call, passed) }
}

/** An answer with what SageMaker says beside it; the decision comes first in the custom attributes, and a model's own behind it where there is room. */
function labelled(call: Call, { prediction, headers }: Reply, answer: Answer): Answer {
  const decision = `decision=${prediction.token}`
  const own = answer.headers[CUSTOM_ATTRIBUTES]
  const both = own === undefined ? decision : `${decision};${own}`
  return withHeaders(answer, {
    ...headers,
    "x-amzn-requestid": call.context.requestId,
    "x-amzn-invoked-production-variant": prediction.choice.variant,
    [CUSTOM_ATTRIBUTES]: both.length > MAX_CUSTOM_ATTRIBUTES ? decision : both,
  })
}

/** The unit among the custom attributes, which are the caller's own text: `unitId=…` between commas or semicolons. */
function unitInAttributes(call: Call): string | undefined {
  const attributes = call.header(CUSTOM_ATTRIBUTES)
  if (attributes === undefined) return undefined
  if (attributes.length > MAX_CUSTOM_ATTRIBUTES || !/^[\x20-\x7e]*$/.test(attributes)) {
    throw new GatewayError("bad_request", {
      detail: `CustomAttributes must have at most ${MAX_CUSTOM_ATTRIBUTES} visible ASCII characters.`,
    })
  }
  const unit = attributes.split(/[,;]/).find((one) => one.trim().startsWith(UNIT_ATTRIBUTE))
  if (unit === undefined) return undefined
  const unitId = decoded(unit.trim().slice(UNIT_ATTRIBUTE.length))
  const problem = unitId === undefined ? "must be percent-encoded UTF-8" : unitProblem(unitId)
  if (problem !== undefined) throw new GatewayError("bad_request", { detail: `unitId in CustomAttributes ${problem}.` })
  return unitId
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
