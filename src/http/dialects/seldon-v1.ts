import type { Served } from "../../app/served-experiments.ts"
import { GatewayError, type InputError } from "../../domain/errors.ts"
import { type Call, jsonAnswer } from "../call.ts"
import { readShape } from "../contract/dialects/read-shape.ts"
import { type SeldonRequest, seldonFeedbackSchema, seldonRequestSchema } from "../contract/dialects/seldon-body.ts"
import { type FeatureValues, readFeatures } from "../contract/features.ts"
import { refuse } from "../contract/predict-body.ts"
import type { BodyReader, OperationHandler } from "../operation-handler.ts"
import type { PredictRouteDeps } from "../routes/predict.ts"
import { decodeUtf8, parseJsonBytes } from "../strict-json.ts"
import { ask, findNamed, type Reply, scoresOf, unitInHeader } from "./ask.ts"
import { type CreditDeps, creditOne } from "./credit.ts"
import { plainPrediction, readFeatureBody } from "./feature-body.ts"
import { bodyAnswer, maxBodyBytes, takeBody } from "./opaque.ts"

const PROTOCOL = "seldon-v1"

type Data = NonNullable<SeldonRequest["data"]>

/** `POST …/api/v1.0/predictions`, of the deployment in the path or of the default experiment. */
export function seldonPredictRoute(deps: PredictRouteDeps): OperationHandler {
  return async (call, readBody, caller) => {
    const served = findNamed(deps.experiments, call.param("name"), caller)
    const unit = unitInHeader(call)
    const bytes = await readMessage(call, readBody, maxBodyBytes(served, PROTOCOL))
    const payload = { protocol: PROTOCOL, bytes, contentType: "application/json", headers: {} } as const
    const unitAt = unit === undefined ? { json: bytes, path: ["meta", "tags", "unitId"] } : undefined
    const { read, ...question } = takeBody(served, payload, () => readPredictions(bytes), unitAt)
    const reply = await ask(deps, call, served, {
      ...question,
      unitId: unit ?? question.unitId,
      forcedVariant: undefined,
    })
    if (reply.result.kind === "body") return bodyAnswer(reply.result.body, reply.headers)
    if (read === undefined) throw new Error("a body that was passed on is answered with a body")
    const { data, meta } = read.request
    const answered =
      data === undefined ? { jsonData: plainPrediction(reply, read.slate) } : { data: dataLike(data, reply) }
    return jsonAnswer({ ...answered, meta: metaOf(meta, served, reply) }, 200, reply.headers)
  }
}

/** `POST …/api/v1.0/feedback`: a reward for the decision in the response that it is about. */
export function seldonFeedbackRoute(deps: CreditDeps): OperationHandler {
  return async (call, readBody, caller) => {
    const name = call.param("name")
    const served = name === undefined ? undefined : findNamed(deps.experiments, name, caller)
    const { response, reward = 0 } = readShape(seldonFeedbackSchema, parseJsonBytes(await readMessage(call, readBody)))
    const { status } = await creditOne(deps, response.meta.tags.decision, reward, served)
    return jsonAnswer({ data: { ndarray: [] }, meta: { tags: { status } } })
  }
}

/** A message's JSON, or what the form field has in which Seldon's client sends it. */
async function readMessage(call: Call, readBody: BodyReader, maxBytes?: number): Promise<Uint8Array> {
  const { bytes, mediaType } = await readBody(call, maxBytes)
  if (mediaType !== "application/x-www-form-urlencoded") return bytes
  const field = new URLSearchParams(decodeUtf8(bytes)).get("json")
  if (field !== null) return new TextEncoder().encode(field)
  throw new GatewayError("bad_request", { detail: "A form must have its message in the field json." })
}

function readPredictions(bytes: Uint8Array) {
  const request = readShape(seldonRequestSchema, parseJsonBytes(bytes))
  const { data, jsonData, meta } = request
  if ((data === undefined) === (jsonData === undefined)) {
    refuse([{ pointer: "", detail: "must have either data or jsonData" }])
  }
  const body = data === undefined ? readFeatureBody(jsonData) : readRows(data)
  const featuresAt = data === undefined ? `/jsonData${body.featuresAt}` : body.featuresAt
  return { ...body, request, featuresAt, unitId: meta?.tags?.unitId ?? body.unitId }
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
function dataLike({ ndarray }: Data, reply: Reply) {
  const scores = scoresOf(reply)
  const names = ["prediction"]
  if (ndarray !== undefined) return { names, ndarray: scores.map((score) => [score]) }
  return { names, tensor: { shape: [scores.length, 1], values: scores } }
}

function metaOf(meta: SeldonRequest["meta"], { snapshot }: Served, { prediction }: Reply) {
  const { choice, decisionId, token } = prediction
  return {
    puid: meta?.puid ?? decisionId,
    tags: { decision: token, variant: choice.variant },
    routing: { [snapshot.experiment.id]: choice.index },
  }
}
