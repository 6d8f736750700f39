import { readStatistics } from "../../app/read-experiment.ts"
import type { Served } from "../../app/served-experiments.ts"
import { GatewayError } from "../../domain/errors.ts"
import { type Call, jsonAnswer } from "../call.ts"
import {
  sampleConversionSchema,
  sampleInvocationSchema,
  sampleStatsSchema,
} from "../contract/dialects/aws-sample-body.ts"
import { readShape } from "../contract/dialects/read-shape.ts"
import type { BodyReader, OperationHandler } from "../operation-handler.ts"
import type { ExperimentRouteDeps } from "../routes/experiments.ts"
import type { PredictRouteDeps } from "../routes/predict.ts"
import { parseJson, parseJsonBytes } from "../strict-json.ts"
import { ask, findNamed, type Reply, unitInHeader } from "./ask.ts"
import { type CreditDeps, creditOne } from "./credit.ts"
import { plainPrediction, readFeatureBody } from "./feature-body.ts"
import { takeBody } from "./opaque.ts"

/** The sample's words for policies; the others keep theirs. */
const STRATEGIES = new Map(
  Object.entries({
    static: "WeightedSampling",
    "epsilon-greedy": "EpsilonGreedy",
    ucb1: "UCB1",
    thompson: "ThompsonSampling",
  }),
)

/** `POST /invocation`. */
export function sampleInvocationRoute(deps: PredictRouteDeps): OperationHandler {
  return async (call, readBody, caller) => {
    const request = readShape(sampleInvocationSchema, await readJson(call, readBody))
    const served = findNamed(deps.experiments, request.endpoint_name, caller)
    const { data, content_type: contentType, user_id: user, inference_id: inferenceId } = request
    const ids = inferenceId === undefined ? {} : { "x-amzn-sagemaker-inference-id": inferenceId }
    const bytes = new TextEncoder().encode(data)
    const payload = { protocol: "sagemaker", bytes, contentType, headers: ids } as const
    const question = takeBody(served, payload, () => readData(data, contentType))
    const reply = await ask(deps, call, served, {
      ...question,
      unitId: unitInHeader(call) ?? user ?? question.unitId,
      forcedVariant: request.endpoint_variant,
    })
    const { choice, decisionId, token } = reply.prediction
    const answer = {
      strategy: strategyOf(served, reply),
      endpoint_name: request.endpoint_name,
      target_variant: choice.variant,
      endpoint_variant: reply.servedBy,
      inference_id: inferenceId ?? decisionId,
      user_id: user ?? decisionId,
      decision: token,
      predictions: predictionsOf(reply, question.slate),
    }
    return jsonAnswer(answer, 200, reply.headers)
  }
}

/** `POST /conversion`. */
export function sampleConversionRoute(deps: CreditDeps): OperationHandler {
  return async (call, readBody, caller) => {
    const request = readShape(sampleConversionSchema, await readJson(call, readBody))
    const served = findNamed(deps.experiments, request.endpoint_name, caller)
    const { token, value, status } = await creditOne(deps, request.decision, request.reward, served)
    return jsonAnswer({
      strategy: strategyOf(served),
      endpoint_name: request.endpoint_name,
      endpoint_variant: token.variant,
      inference_id: request.inference_id ?? token.decisionId,
      user_id: request.user_id ?? token.decisionId,
      reward: value,
      status,
    })
  }
}

/** `POST /stats`. */
export function sampleStatsRoute(deps: ExperimentRouteDeps): OperationHandler {
  return async (call, readBody, caller) => {
    const { endpoint_name } = readShape(sampleStatsSchema, await readJson(call, readBody))
    const served = findNamed(deps.experiments, endpoint_name, caller)
    const { policy, variants } = served.snapshot.experiment
    const { variants: statistics } = await readStatistics(served.snapshot, deps.counters, deps.clock)
    return jsonAnswer({
      endpoint_name,
      strategy: strategyOf(served),
      epsilon: typeof policy["epsilon"] === "number" ? policy["epsilon"] : 0,
      warmup: policy.burnInDecisions,
      variant_metrics: statistics.map(({ id, decisions, rewards, sum }, index) => ({
        endpoint_name,
        variant_name: id,
        initial_variant_weight: variants[index]?.weight ?? 0,
        invocation_count: decisions,
        conversion_count: rewards,
        reward_sum: sum,
      })),
    })
  }
}

async function readJson(call: Call, readBody: BodyReader): Promise<unknown> {
  return parseJsonBytes((await readBody(call)).bytes)
}

function readData(data: string, contentType: string) {
  if (contentType !== "application/json") {
    throw new GatewayError("validation_failed", {
      errors: [{ pointer: "/content_type", detail: "must be application/json: this endpoint's models take features" }],
    })
  }
  return readFeatureBody(parseJson(data))
}

/** What the model said: its JSON as it is, anything else as text. */
function predictionsOf(reply: Reply, slate: boolean): unknown {
  const { result } = reply
  if (result.kind !== "body") return plainPrediction(reply, slate)
  const text = new TextDecoder().decode(result.body.bytes)
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return text
    throw error
  }
}

function strategyOf({ snapshot }: Served, reply?: Reply): string {
  if (reply?.prediction.choice.reason === "forced") return "Manual"
  if (reply?.prediction.degraded === true) return "Fallback"
  const { kind } = snapshot.experiment.policy
  return STRATEGIES.get(kind) ?? kind
}
