import type { Served } from "../../app/served-experiments.ts"
import { type Answer, type Call, jsonAnswer } from "../call.ts"
import { type InferRequest, inferRequestSchema, OUTPUT_NAME } from "../contract/dialects/inference-body.ts"
import { readShape } from "../contract/dialects/read-shape.ts"
import type { OperationHandler } from "../operation-handler.ts"
import type { ReadParts } from "../routes/health.ts"
import type { PredictRouteDeps } from "../routes/predict.ts"
import { parseJsonBytes } from "../strict-json.ts"
import { ask, findNamed, type Reply, requireVariant, scoresOf, unitInHeader } from "./ask.ts"
import { bodyAnswer, headersOf, maxBodyBytes, takeBody } from "./opaque.ts"
import { canAnswer } from "./readiness.ts"
import { fp64Bytes, readRows, splitBody } from "./tensors.ts"

const PROTOCOL = "open-inference-v2"
/** Says where the JSON ends and the bytes of tensors begin. */
const JSON_LENGTH = "inference-header-content-length"

/** `GET /v2`: what this server is. */
export const serverMetadataRoute: OperationHandler = () =>
  jsonAnswer({ name: "bandit-gateway", version: "0.1.0", extensions: ["binary_tensor_data"] })

/** `GET /v2/health/live`. */
export const serverLiveRoute: OperationHandler = () => jsonAnswer({ live: true })

/** `GET /v2/health/ready`: the specification calls the member `live`, servers call it `ready`. */
export function serverReadyRoute(readParts: ReadParts): OperationHandler {
  return async () => {
    const parts = await readParts()
    const ready = Object.values(parts).every((part) => part.ready || !part.required)
    return jsonAnswer({ ready, live: ready }, ready ? 200 : 503)
  }
}

/** `GET /v2/models/{name}`, and of a version: as a server behind describes it, where it is asked with the caller's own tensors; else the features. */
export function modelMetadataRoute({ experiments }: PredictRouteDeps): OperationHandler {
  return (call, _, caller) => {
    const served = findVersion(findNamed(experiments, call.param("name"), caller), call)
    const known = served.endpoints.flatMap(({ knownFeatures = [] }) => [...knownFeatures])
    const signature = served.endpoints
      .filter(({ takes }) => takes.bodies.includes(PROTOCOL))
      .flatMap((endpoint) => endpoint.description?.()?.signature ?? [])[0]
    return jsonAnswer({
      name: call.param("name"),
      versions: served.snapshot.experiment.variants.flatMap(({ id, enabled }) => (enabled ? [id] : [])),
      platform: "bandit-gateway",
      inputs: signature?.inputs ?? [...new Set(known)].map((name) => ({ name, datatype: "BYTES", shape: [-1] })),
      outputs: signature?.outputs ?? [{ name: OUTPUT_NAME, datatype: "FP64", shape: [-1] }],
    })
  }
}

/** `GET /v2/models/{name}/ready`, and of a version. */
export function modelReadyRoute({ experiments }: PredictRouteDeps): OperationHandler {
  return (call, _, caller) => {
    const ready = canAnswer(findVersion(findNamed(experiments, call.param("name"), caller), call))
    return jsonAnswer({ name: call.param("name"), ready }, ready ? 200 : 503)
  }
}

/** `POST /v2/models/{name}/infer`, and of a version, which forces a variant. */
export function inferRoute(deps: PredictRouteDeps): OperationHandler {
  return async (call, readBody, caller) => {
    const served = findNamed(deps.experiments, call.param("name"), caller)
    const unit = unitInHeader(call)
    const { bytes } = await readBody(call, maxBodyBytes(served, PROTOCOL))
    const [json, binary] = splitBody(bytes, call.header(JSON_LENGTH))
    const headers = headersOf(call, [JSON_LENGTH])
    const payload = { protocol: PROTOCOL, bytes, contentType: call.header("content-type"), headers } as const
    const unitAt = unit === undefined ? { json, path: ["parameters", "unitId"] } : undefined
    const { read, ...question } = takeBody(served, payload, () => readInfer(json, binary), unitAt)
    const reply = await ask(deps, call, served, {
      ...question,
      unitId: unit ?? question.unitId,
      forcedVariant: call.param("version"),
    })
    if (reply.result.kind === "body") return bodyAnswer(reply.result.body, reply.headers)
    return inferAnswer(call, read?.request, reply)
  }
}

function readInfer(json: Uint8Array, binary: Uint8Array) {
  const request = readShape(inferRequestSchema, parseJsonBytes(json))
  const { parameters } = request
  const instances = readRows(request, binary)
  return { request, unitId: parameters?.unitId, instances, context: undefined, slate: true, featuresAt: "/inputs" }
}

function findVersion(served: Served, call: Call): Served {
  const version = call.param("version")
  if (version !== undefined) requireVariant(served, version)
  return served
}

/** @param request what was read; undefined where the body was passed on */
function inferAnswer(call: Call, request: InferRequest | undefined, reply: Reply): Answer {
  const { prediction, headers } = reply
  const scores = scoresOf(reply)
  const asked = request?.outputs?.[0]?.parameters?.binary_data
  const asBytes = asked ?? request?.parameters?.binary_data_output ?? false
  const output = { name: OUTPUT_NAME, datatype: "FP64", shape: [scores.length] }
  const size = { parameters: { binary_data_size: 8 * scores.length } }
  const answer = jsonAnswer(
    {
      model_name: call.param("name"),
      model_version: prediction.choice.variant,
      id: request?.id,
      parameters: { decision: prediction.token },
      outputs: [asBytes ? { ...output, ...size } : { ...output, data: scores }],
    },
    200,
    headers,
  )
  if (!asBytes) return answer
  const json = new TextEncoder().encode(String(answer.body))
  const body = new Uint8Array(json.length + 8 * scores.length)
  body.set(json)
  body.set(fp64Bytes(scores), json.length)
  const binary = { "content-type": "application/octet-stream", [JSON_LENGTH]: String(json.length) }
  return { ...answer, headers: { ...answer.headers, ...binary }, body }
}
