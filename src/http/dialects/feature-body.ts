import type { Served } from "../../app/served-experiments.ts"
import type { InputError } from "../../domain/errors.ts"
import { type PredictBody, readPredictBody, refuse } from "../contract/predict-body.ts"
import { type Reply, scoresOf } from "./ask.ts"

/**
 * Features where a protocol leaves the body to its model: an object of them, a list of such objects, or the body of `POST /predict`.
 *
 * @param value parsed JSON
 * @throws GatewayError as `readPredictBody`, and `validation_failed` where it names another experiment than is asked, or a variant
 */
export function readFeatureBody(value: unknown, { snapshot }: Served, wellFormed = false): PredictBody {
  const body = readPredictBody(Array.isArray(value) ? { instances: value } : value, wellFormed)
  const errors: InputError[] = []
  if (body.experiment !== undefined && body.experiment !== snapshot.experiment.id) {
    errors.push({ pointer: "/experiment", detail: "must be the id of the experiment that is called, or left out" })
  }
  if (body.variant !== undefined) {
    errors.push({ pointer: "/variant", detail: "must be left out: the protocol has its own way to ask for a variant" })
  }
  refuse(errors)
  return body
}

/** The prediction as a plain predictor gives it: one number for an object, a list for a list. */
export function plainPrediction(reply: Reply, slate: boolean) {
  const { model } = reply
  const scores = scoresOf(reply)
  return slate ? { predictions: scores, model } : { prediction: scores[0] as number, model }
}
