import type { Served } from "../../app/served-experiments.ts"
import { GatewayError } from "../../domain/errors.ts"
import { type PredictBody, readPredictBody } from "../contract/predict-body.ts"
import type { Reply } from "./ask.ts"

/**
 * Features where a protocol leaves the body to its model: an object of them, a list of such objects, or the body of `POST /predict`.
 *
 * @param value parsed JSON
 * @throws GatewayError as `readPredictBody`, and `validation_failed` where it names another experiment than is asked
 */
export function readFeatureBody(value: unknown, { snapshot }: Served, wellFormed = false): PredictBody {
  const body = readPredictBody(Array.isArray(value) ? { instances: value } : value, wellFormed)
  if (body.experiment === undefined || body.experiment === snapshot.experiment.id) return body
  throw new GatewayError("validation_failed", {
    errors: [{ pointer: "/experiment", detail: "must be the id of the experiment that is called, or left out" }],
  })
}

/** The prediction as a plain predictor gives it: one number for an object, a list for a list. */
export function plainPrediction({ scores, model }: Reply, slate: boolean) {
  return slate ? { predictions: scores, model } : { prediction: scores[0] as number, model }
}
