import type { InputError } from "../../domain/errors.ts"
import { type PredictBody, readPredictBody, refuse } from "../contract/predict-body.ts"
import { type Reply, scoresOf } from "./ask.ts"

/**
 * Features where a protocol leaves the body to its model: an object of them, a list of such objects, or the body of `POST /predict` without what the
 * protocol says in its own way.
 *
 * @param value parsed JSON
 * @throws GatewayError as `readPredictBody`, and `validation_failed` where it names an experiment or a variant
 */
export function readFeatureBody(value: unknown, wellFormed = false): PredictBody {
  const body = readPredictBody(Array.isArray(value) ? { instances: value } : value, wellFormed)
  const errors: InputError[] = []
  for (const member of ["experiment", "variant"] as const) {
    if (body[member] === undefined) continue
    errors.push({ pointer: `/${member}`, detail: "must be left out: the protocol says it in its own way" })
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
