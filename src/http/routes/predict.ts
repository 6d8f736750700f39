import type { Answered } from "../../app/ask-model.ts"
import type { PredictCommand, Prediction } from "../../app/predict.ts"
import type { Served, ServedExperiments } from "../../app/served-experiments.ts"
import { STATIC_ANSWER } from "../../app/static-answer.ts"
import { requestDeadlineMs } from "../../domain/deadline.ts"
import { GatewayError } from "../../domain/errors.ts"
import { parseExperimentId } from "../../domain/experiment.ts"
import { type Authorize, requireScope } from "../authorize.ts"
import type { Answer } from "../call.ts"
import { readPredictBody } from "../contract/predict-body.ts"
import type { Metrics } from "../metrics.ts"
import type { OperationHandler } from "../operation-handler.ts"
import { hasNoEscapes, parseJsonBytes } from "../strict-json.ts"

export interface PredictRouteDeps {
  readonly experiments: ServedExperiments
  readonly predict: (command: PredictCommand) => Promise<Prediction>
  /** For the permission that a forced variant needs. */
  readonly authorize: Authorize
  readonly metrics: Metrics
}

const DECIMAL = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/

/** `POST /predict` and `POST /predict/{experiment}`. */
export function predictRoute(deps: PredictRouteDeps): OperationHandler {
  return async (call, readBody, caller) => {
    checkAccept(call.header("accept"))
    const askedMs = readDeadline(call.header("x-deadline-ms"))
    const { bytes } = await readBody(call)
    const body = readPredictBody(parseJsonBytes(bytes), hasNoEscapes(bytes))
    if (body.variant !== undefined) deps.authorize(call, "force")
    const served = findExperiment(deps.experiments, body.experiment, call.param("experiment"))
    requireScope(caller, served.snapshot.experiment.id)
    const prediction = await deps.predict({
      served,
      unitId: body.unitId,
      instances: body.instances,
      context: body.context,
      slate: body.slate,
      payload: undefined,
      takesOpaque: false,
      traceHeaders: () => call.context.onward(),
      forcedVariant: body.variant,
      deadlineMs: requestDeadlineMs(served.snapshot.experiment, askedMs),
    })
    deps.metrics.predicted(prediction, served.endpoints, body.instances)
    if (!prediction.answer.answered) throw pointedInto(body, prediction.answer.failure)
    return answer(prediction, prediction.answer, body.slate)
  }
}

function findExperiment(
  experiments: ServedExperiments,
  inBody: string | undefined,
  inPath: string | undefined,
): Served {
  if (inPath !== undefined && parseExperimentId(inPath) === undefined) {
    throw new GatewayError("validation_failed", {
      detail: "The path must end in an experiment's id: 1 to 63 lower-case letters, digits or hyphens.",
    })
  }
  if (inPath !== undefined && inBody !== undefined && inPath !== inBody) {
    throw new GatewayError("validation_failed", {
      errors: [{ pointer: "/experiment", detail: "must be the experiment in the path, or left out" }],
    })
  }
  const id = inPath ?? inBody
  const served = id === undefined ? experiments.default() : experiments.get(id)
  if (served !== undefined) return served
  if (id !== undefined) throw new GatewayError("experiment_not_found")
  throw new GatewayError("experiment_not_found", {
    detail:
      "Name an experiment: there is no default one (DEFAULT_EXPERIMENT is unset and there is not exactly one experiment).",
  })
}

/** `X-Deadline-Ms`, milliseconds. @throws GatewayError `bad_request` where it is no number */
export function readDeadline(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const value = DECIMAL.test(header) ? Number(header) : Number.NaN
  if (Number.isNaN(value)) {
    throw new GatewayError("bad_request", { detail: "X-Deadline-Ms must be a number of milliseconds." })
  }
  return value
}

/** RFC 9110 section 12.5.1, as far as a server with one media type needs it. */
function checkAccept(header: string | undefined): void {
  if (header === undefined || header === "*/*" || header === "application/json") return
  const accepted = header
    .toLowerCase()
    .split(",")
    .filter((range) => !/;\s*q=0(\.0*)?\s*$/.test(range))
    .map((range) => range.split(";", 1)[0]?.trim())
  if (!accepted.some((range) => range === "*/*" || range === "application/*" || range === "application/json")) {
    throw new GatewayError("not_acceptable")
  }
}

/** Models name a feature as if it came in `features`, or in `instances` where there are several; the caller reads pointers into its own body. */
export function pointedInto(
  { instances, featuresAt }: { readonly instances: readonly unknown[]; readonly featuresAt: string },
  error: GatewayError,
): GatewayError {
  if (error.errors === undefined || instances.length > 1) return error
  const errors = error.errors.map(({ pointer, detail }) => ({
    pointer: pointer.replace(/^\/features/, featuresAt),
    detail,
  }))
  return new GatewayError(error.code, {
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    errors,
    cause: error,
  })
}

function answer(prediction: Prediction, answered: Answered, slate: boolean): Answer {
  const { snapshot, choice, decisionId, token, degraded } = prediction
  const { result, endpoint, error, servedIndex } = answered
  if (result.kind !== "scores") throw new Error("asked for scores, answered by something else")
  const first = slate ? `{"predictions":[${result.scores.join()}]` : `{"prediction":${result.scores[0]}`
  const servedBy = snapshot.experiment.variants[servedIndex]?.id ?? STATIC_ANSWER
  const instead = degraded ? `,"servedBy":"${servedBy}","error":"${error}"` : ""
  const text =
    `${first},"experiment":"${snapshot.experiment.id}","revision":${snapshot.revision},"variant":"${choice.variant}",` +
    `"model":${JSON.stringify(endpoint.model)},"decisionId":"${decisionId}","decision":"${token}",` +
    `"propensity":${choice.propensity},"policy":"${snapshot.experiment.policy.kind}","reason":"${choice.reason}","degraded":${degraded}${instead}}`
  const headers = { "content-type": "application/json", "cache-control": "no-store", ...decisionHeaders(prediction) }
  return { status: 200, headers, body: text }
}

/** What every answer with a prediction says of its decision, whatever its body. */
export function decisionHeaders({ choice, decisionId, decideMs, backendMs }: Prediction): Record<string, string> {
  return {
    "x-variant": choice.variant,
    "x-decision-id": decisionId,
    "server-timing": `decide;dur=${decideMs.toFixed(3)}, backend;dur=${backendMs.toFixed(3)}`,
  }
}
