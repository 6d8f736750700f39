import { mayUse } from "../authorize.ts"
import { jsonAnswer } from "../call.ts"
import { readTensorFlowRequest } from "../contract/dialects/tensorflow-body.ts"
import type { OperationHandler } from "../operation-handler.ts"
import type { PredictRouteDeps } from "../routes/predict.ts"
import { hasNoEscapes, parseJsonBytes } from "../strict-json.ts"
import { ask, findNamed, scoresOf, unitInHeader } from "./ask.ts"
import { bodyAnswer, maxBodyBytes, takeBody } from "./opaque.ts"
import { canAnswer } from "./readiness.ts"

const PROTOCOL = "tensorflow-v1"

/** `POST /v1/models/{name}:predict` of TensorFlow Serving and KServe. */
export function predictV1Route(deps: PredictRouteDeps): OperationHandler {
  return async (call, readBody, caller) => {
    const served = findNamed(deps.experiments, call.param("name"), caller)
    const unit = unitInHeader(call)
    const { bytes } = await readBody(call, maxBodyBytes(served, PROTOCOL))
    const payload = { protocol: PROTOCOL, bytes, contentType: call.header("content-type"), headers: {} } as const
    const read = () => readTensorFlowRequest(parseJsonBytes(bytes), hasNoEscapes(bytes))
    const unitAt = unit === undefined ? { json: bytes, path: ["unitId"] } : undefined
    const question = takeBody(served, payload, read, unitAt)
    const reply = await ask(deps, call, served, {
      ...question,
      unitId: unit ?? question.unitId,
      forcedVariant: undefined,
    })
    if (reply.result.kind === "body") return bodyAnswer(reply.result.body, reply.headers)
    return jsonAnswer({ predictions: scoresOf(reply) }, 200, reply.headers)
  }
}

/** `GET /v1/models` of KServe. */
export function listModelsRoute({ experiments }: PredictRouteDeps): OperationHandler {
  return (_call, _readBody, caller) => {
    const ids = experiments.all().map(({ snapshot }) => snapshot.experiment.id)
    return jsonAnswer({ models: ids.filter((id) => mayUse(caller, id)) })
  }
}

/** `GET /v1/models/{name}`: whether it is ready, as KServe says it and as TensorFlow Serving does. */
export function modelStatusRoute({ experiments }: PredictRouteDeps): OperationHandler {
  return (call, _, caller) => {
    const name = call.param("name")
    const served = findNamed(experiments, name, caller)
    const ready = canAnswer(served)
    const version = {
      version: String(served.snapshot.revision),
      state: ready ? "AVAILABLE" : "LOADING",
      status: { error_code: "OK", error_message: "" },
    }
    return jsonAnswer({ name, ready, model_version_status: [version] }, ready ? 200 : 503)
  }
}
