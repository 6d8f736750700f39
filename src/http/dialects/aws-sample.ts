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
  return async (call, readBody) => {
    const request = readShape(sampleInvocationSchema, await readJson(call, readBody))
    const served = findNamed(deps.experiments, request.endpoint_name)
    const body = readData(request.data, request.content_type, served)
    const reply = await ask(deps, call, served, {
      ...body,
      unitId: unitInHeader(call) ?? request.user_id ?? body.unitId,
      forcedVariant: request.endpoint_variant ?? body.variant,
    })
    const { choice, decisionId, token } = reply.prediction
    const answer = {
      strategy: strategyOf(served, reply),
      endpoint_name: request.endpoint_name,
      target_variant: choice.variant,
      endpoint_variant: reply.servedBy,
      inference_id: request.inference_id ?? decisionId,
      user_id: request.user_id ?? decisionId,
      decision: token,
      predictions: plainPrediction(reply, body.slate),
    }
    return jsonAnswer(answer, 200, reply.headers)
  }
}

/** `POST /conversion`. */
export function sampleConversionRoute(deps: CreditDeps): OperationHandler {
  return async (call, readBody) => {
    const request = readShape(sampleConversionSchema, await readJson(call, readBody))
    const served = findNamed(deps.experiments, request.endpoint_name)
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
  return async (call, readBody) => {
    const { endpoint_name } = readShape(sampleStatsSchema, await readJson(call, readBody))
    const served = findNamed(deps.experiments, endpoint_name)
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

function readData(data: string, contentType: string, served: Served) {
  if (contentType !== "application/json") {
    throw new GatewayError("validation_failed", {
      errors: [{ pointer: "/content_type", detail: "must be application/json: this endpoint's models take features" }],
    })
  }
  return readFeatureBody(parseJson(data), served)
}

function strategyOf({ snapshot }: Served, reply?: Reply): string {
  if (reply?.prediction.choice.reason === "forced") return "Manual"
  if (reply?.prediction.degraded === true) return "Fallback"
  const { kind } = snapshot.experiment.policy
  return STRATEGIES.get(kind) ?? kind
}
