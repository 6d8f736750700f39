import type { Served } from "../../app/served-experiments.ts"
import { GatewayError, type InputError } from "../../domain/errors.ts"
import { type Call, jsonAnswer } from "../call.ts"
import { readShape } from "../contract/dialects/read-shape.ts"
import { type SeldonRequest, seldonFeedbackSchema, seldonRequestSchema } from "../contract/dialects/seldon-body.ts"
import { type FeatureValues, readFeatures } from "../contract/features.ts"
import { refuse } from "../contract/predict-body.ts"
import type { BodyReader, OperationHandler } from "../operation-handler.ts"
import type { PredictRouteDeps } from "../routes/predict.ts"
import { decodeUtf8, parseJson } from "../strict-json.ts"
import { ask, findNamed, type Reply, unitInHeader } from "./ask.ts"
import { type CreditDeps, creditOne } from "./credit.ts"
import { plainPrediction, readFeatureBody } from "./feature-body.ts"

type Data = NonNullable<SeldonRequest["data"]>

/** `POST …/api/v1.0/predictions`, of the deployment in the path or of the default experiment. */
export function seldonPredictRoute(deps: PredictRouteDeps): OperationHandler {
  return async (call, readBody) => {
    const served = findNamed(deps.experiments, call.param("name"))
    const unit = unitInHeader(call)
    const request = readShape(seldonRequestSchema, await readMessage(call, readBody))
    const { data, jsonData } = request
    if ((data === undefined) === (jsonData === undefined)) {
      refuse([{ pointer: "", detail: "must have either data or jsonData" }])
    }
    const body = data === undefined ? readFeatureBody(jsonData, served) : readRows(data)
    const reply = await ask(deps, call, served, {
      ...body,
      featuresAt: data === undefined ? `/jsonData${body.featuresAt}` : body.featuresAt,
      unitId: unit ?? request.meta?.tags?.unitId ?? body.unitId,
      forcedVariant: undefined,
    })
    const answered =
      data === undefined ? { jsonData: plainPrediction(reply, body.slate) } : { data: dataLike(data, reply) }
    return jsonAnswer({ ...answered, meta: metaOf(request, served, reply) }, 200, reply.headers)
  }
}

/** `POST …/api/v1.0/feedback`: a reward for the decision in the response that it is about. */
export function seldonFeedbackRoute(deps: CreditDeps): OperationHandler {
  return async (call, readBody) => {
    const name = call.param("name")
    const served = name === undefined ? undefined : findNamed(deps.experiments, name)
    const { response, reward = 0 } = readShape(seldonFeedbackSchema, await readMessage(call, readBody))
    const { status } = await creditOne(deps, response.meta.tags.decision, reward, served)
    return jsonAnswer({ data: { ndarray: [] }, meta: { tags: { status } } })
  }
}

/** A message as JSON, or as the form field in which Seldon's client sends it. */
async function readMessage(call: Call, readBody: BodyReader): Promise<unknown> {
  const { bytes, mediaType } = await readBody(call)
  const text = decodeUtf8(bytes)
  if (mediaType !== "application/x-www-form-urlencoded") return parseJson(text)
  const field = new URLSearchParams(text).get("json")
  if (field === null)
    throw new GatewayError("bad_request", { detail: "A form must have its message in the field json." })
  return parseJson(field)
}

function readRows({ names, ndarray, tensor }: Data) {
  const rows = ndarray ?? rowsOf(tensor)
  const errors: InputError[] = []
  const instances = rows.map((row, index): FeatureValues => {
    const at = `/data/${ndarray === undefined ? "tensor/values" : `ndarray/${index}`}`
    if (row.length !== names.length) {
      errors.push({ pointer: at, detail: `must have ${names.length} elements in each row, one for each of names` })
      return {}
    }
    const entries = names.map((name, column) => [name, row[column] as string | number | boolean] as const)
    return readFeatures(Object.fromEntries(entries), at, errors)
  })
  if (new Set(names).size < names.length) errors.push({ pointer: "/data/names", detail: "has a name twice" })
  if (rows.length === 0) errors.push({ pointer: "/data", detail: "must have an ndarray or a tensor" })
  refuse(errors)
  return { unitId: undefined, instances, context: undefined, slate: true, featuresAt: "/data" }
}

function rowsOf(tensor: Data["tensor"]): number[][] {
  if (tensor === undefined) return []
  const { shape, values } = tensor
  const [rows, columns] = shape
  if (values.length !== rows * columns) {
    refuse([{ pointer: "/data/tensor/values", detail: "must have as many elements as the shape says" }])
  }
  return Array.from({ length: rows }, (_, row) => values.slice(row * columns, (row + 1) * columns))
}

/** Predictions in the kind that the request had. */
function dataLike({ ndarray }: Data, { scores }: Reply) {
  const names = ["prediction"]
  if (ndarray !== undefined) return { names, ndarray: scores.map((score) => [score]) }
  return { names, tensor: { shape: [scores.length, 1], values: scores } }
}

function metaOf({ meta }: SeldonRequest, { snapshot }: Served, { prediction }: Reply) {
  const { choice, decisionId, token } = prediction
  return {
    puid: meta?.puid ?? decisionId,
    tags: { decision: token, variant: choice.variant },
    routing: { [snapshot.experiment.id]: choice.index },
  }
}
