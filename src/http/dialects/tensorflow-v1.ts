import { jsonAnswer } from "../call.ts"
import { readTensorFlowRequest } from "../contract/dialects/tensorflow-body.ts"
import type { OperationHandler } from "../operation-handler.ts"
import type { PredictRouteDeps } from "../routes/predict.ts"
import { hasNoEscapes, parseJsonBytes } from "../strict-json.ts"
import { ask, findNamed, unitInHeader } from "./ask.ts"

/** `POST /v1/models/{name}:predict` of TensorFlow Serving and KServe. */
export function predictV1Route(deps: PredictRouteDeps): OperationHandler {
  return async (call, readBody) => {
    const served = findNamed(deps.experiments, call.param("name"))
    const unit = unitInHeader(call)
    const { bytes } = await readBody(call)
    const body = readTensorFlowRequest(parseJsonBytes(bytes), hasNoEscapes(bytes))
    const { scores, headers } = await ask(deps, call, served, {
      ...body,
      unitId: unit ?? body.unitId,
      forcedVariant: undefined,
    })
    return jsonAnswer({ predictions: scores }, 200, headers)
  }
}

/** `GET /v1/models` of KServe. */
export function listModelsRoute({ experiments }: PredictRouteDeps): OperationHandler {
  return () => jsonAnswer({ models: experiments.all().map(({ snapshot }) => snapshot.experiment.id) })
}

/** `GET /v1/models/{name}`: whether it is ready, as KServe says it and as TensorFlow Serving does. */
export function modelStatusRoute({ experiments }: PredictRouteDeps): OperationHandler {
  return (call) => {
    const name = call.param("name")
    const { snapshot } = findNamed(experiments, name)
    return jsonAnswer({
      name,
      ready: true,
      model_version_status: [
        { version: String(snapshot.revision), state: "AVAILABLE", status: { error_code: "OK", error_message: "" } },
      ],
    })
  }
}
