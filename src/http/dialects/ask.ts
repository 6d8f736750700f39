import type { Prediction } from "../../app/predict.ts"
import type { Served, ServedExperiments } from "../../app/served-experiments.ts"
import { requestDeadlineMs } from "../../domain/deadline.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { ModelAnswer, OpaqueRequest } from "../../ports/model-endpoint.ts"
import { type Caller, mayUse } from "../authorize.ts"
import type { Call } from "../call.ts"
import { UNIT_IN_HEADER } from "../contract/dialects/operation-parts.ts"
import type { FeatureValues } from "../contract/features.ts"
import { decisionHeaders, type PredictRouteDeps, pointedInto, readDeadline } from "../routes/predict.ts"

/** What the gateway reads of a dialect's request. */
export interface ReadRequest {
  readonly unitId: string | undefined
  readonly instances: readonly FeatureValues[]
  readonly context: FeatureValues | undefined
  /** Whether the instances came as a list. */
  readonly slate: boolean
  /** Where a single instance's features are in the caller's body. */
  readonly featuresAt: string
}

/** What a dialect's request asks, in the gateway's words. */
export interface Question extends ReadRequest {
  readonly forcedVariant: string | undefined
  /** The body as it came, for models that are asked with it. */
  readonly payload: OpaqueRequest | undefined
}

/** What a model said to a dialect's request. */
export interface Reply {
  readonly prediction: Prediction
  /** Of the model that answered. */
  readonly model: string
  /** The variant that answered; the chosen one where the static answer did. */
  readonly servedBy: string
  readonly result: ModelAnswer
  /** The decision, in the headers that every dialect has. */
  readonly headers: Readonly<Record<string, string>>
}

/** The experiment that a dialect's path or body names; the default one where it names none. @throws GatewayError `experiment_not_found`, also for a caller whose key is for others */
export function findNamed(experiments: ServedExperiments, name: string | undefined, caller: Caller): Served {
  const served = name === undefined ? experiments.default() : experiments.named(name)
  if (served !== undefined && mayUse(caller, served.snapshot.experiment.id)) return served
  const detail =
    name === undefined ? "There is no default experiment: set DEFAULT_EXPERIMENT." : "No experiment has this name."
  throw new GatewayError("experiment_not_found", { detail })
}

/** Decides, and asks the model. @throws GatewayError as `predict` */
export async function ask(deps: PredictRouteDeps, call: Call, served: Served, question: Question): Promise<Reply> {
  const { unitId, instances, context, slate, forcedVariant, payload } = question
  if (forcedVariant !== undefined) {
    deps.authorize(call, "force")
    requireVariant(served, forcedVariant)
  }
  const prediction = await deps.predict({
    served,
    unitId,
    instances,
    context,
    slate,
    payload,
    takesOpaque: payload !== undefined,
    traceHeaders: () => call.context.onward(),
    forcedVariant,
    deadlineMs: requestDeadlineMs(served.snapshot.experiment, readDeadline(call.header("x-deadline-ms"))),
  })
  deps.metrics.predicted(prediction, served.endpoints, instances)
  const { answer } = prediction
  if (!answer.answered) throw pointedInto(question, answer.failure)
  return {
    prediction,
    model: answer.endpoint.model,
    servedBy: served.snapshot.experiment.variants[answer.servedIndex]?.id ?? prediction.choice.variant,
    result: answer.result,
    headers: { ...decisionHeaders(prediction), "x-decision": prediction.token },
  }
}

/** The numbers of an answer that has them. */
export function scoresOf({ result }: Reply): readonly number[] {
  if (result.kind === "scores") return result.scores
  throw new Error("asked for scores, answered by something else")
}

/** @throws GatewayError `bad_request` where an experiment has no such variant */
export function requireVariant({ snapshot }: Served, variant: string): void {
  const enabled = snapshot.experiment.variants.filter((one) => one.enabled).map(({ id }) => id)
  if (enabled.some((id) => id === variant)) return
  throw new GatewayError("bad_request", { detail: `Ask for one of the experiment's variants: ${enabled.join(", ")}.` })
}

/** The unit that a request's header names, undefined where it has none. @throws GatewayError `bad_request` where it is no unit's id */
export function unitInHeader(call: Call): string | undefined {
  const unit = call.header("x-unit-id")
  if (unit === undefined || new RegExp(UNIT_IN_HEADER).test(unit)) return unit
  throw new GatewayError("bad_request", { detail: "X-Unit-Id must be 1 to 256 visible ASCII characters." })
}
