import { GatewayError } from "../../domain/errors.ts"
import { type Call, jsonAnswer } from "../call.ts"
import { unitProblem } from "../contract/predict-body.ts"
import type { OperationHandler } from "../operation-handler.ts"
import type { PredictRouteDeps } from "../routes/predict.ts"
import { hasNoEscapes, parseJsonBytes } from "../strict-json.ts"
import { ask, findNamed, unitInHeader } from "./ask.ts"
import { plainPrediction, readFeatureBody } from "./feature-body.ts"

const MAX_CUSTOM_ATTRIBUTES = 1024
const UNIT_ATTRIBUTE = "unitId="

/** `POST /endpoints/{name}/invocations`: InvokeEndpoint of the SageMaker runtime. */
export function invokeEndpointRoute(deps: PredictRouteDeps): OperationHandler {
  return async (call, readBody) => {
    const served = findNamed(deps.experiments, call.param("name"))
    const unit = unitInHeader(call) ?? unitInAttributes(call)
    const { bytes } = await readBody(call)
    const body = readFeatureBody(parseJsonBytes(bytes), served, hasNoEscapes(bytes))
    const reply = await ask(deps, call, served, {
      ...body,
      unitId: unit ?? body.unitId,
      forcedVariant: call.header("x-amzn-sagemaker-target-variant") ?? body.variant,
    })
    const { choice, token } = reply.prediction
    return jsonAnswer(plainPrediction(reply, body.slate), 200, {
      ...reply.headers,
      "x-amzn-requestid": call.context.requestId,
      "x-amzn-invoked-production-variant": choice.variant,
      "x-amzn-sagemaker-custom-attributes": `decision=${token}`,
    })
  }
}

/** `POST /endpoints/{name}/invocations-response-stream`. */
export const invokeStreamingRoute: OperationHandler = () => {
  throw new GatewayError("not_implemented", { detail: "Streaming invocations are not served. Use InvokeEndpoint." })
}

/** The unit among the custom attributes, which are the caller's own text: `unitId=…` between commas or semicolons. */
function unitInAttributes(call: Call): string | undefined {
  const attributes = call.header("x-amzn-sagemaker-custom-attributes")
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
