import { explainChoice, readAllocation, readStatistics } from "../../app/read-experiment.ts"
import type { Served, ServedExperiments } from "../../app/served-experiments.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { Clock } from "../../ports/clock.ts"
import type { CounterStore } from "../../ports/counter-store.ts"
import { mayUse } from "../authorize.ts"
import { type Call, jsonAnswer, queryOf } from "../call.ts"
import { isLongUnit, MAX_UNIT_LENGTH } from "../contract/predict-body.ts"
import type { OperationHandler } from "../operation-handler.ts"

export interface ExperimentRouteDeps {
  readonly experiments: ServedExperiments
  readonly counters: CounterStore
  readonly clock: Clock
}

/** `GET /admin/experiments`. */
export function listExperimentsRoute({ experiments }: ExperimentRouteDeps): OperationHandler {
  return (_call, _readBody, caller) => {
    const seen = experiments.all().filter(({ snapshot }) => mayUse(caller, snapshot.experiment.id))
    const list = seen.map(({ snapshot: { experiment, revision } }) => ({
      id: experiment.id,
      description: experiment.description,
      status: experiment.status,
      revision,
      policy: experiment.policy.kind,
      variants: experiment.variants.map(({ id }) => id),
    }))
    return jsonAnswer({ experiments: list })
  }
}

/** `GET /admin/experiments/{id}`: the document in force and its revision, which is also its ETag. */
export function readExperimentRoute(deps: ExperimentRouteDeps): OperationHandler {
  return (call) => {
    const { experiment, revision } = find(call, deps).snapshot
    return jsonAnswer({ revision, ...experiment }, 200, { etag: `"${revision}"` })
  }
}

/** `GET /admin/experiments/{id}/stats`. */
export function statisticsRoute(deps: ExperimentRouteDeps): OperationHandler {
  return async (call) => jsonAnswer(await readStatistics(find(call, deps).snapshot, deps.counters, deps.clock))
}

/** `GET /admin/experiments/{id}/allocation`. */
export function allocationRoute(deps: ExperimentRouteDeps): OperationHandler {
  return (call) => jsonAnswer(readAllocation(find(call, deps).snapshot))
}

/** `GET /admin/experiments/{id}/explain?unitId=…`. */
export function explainRoute(deps: ExperimentRouteDeps): OperationHandler {
  return (call) => {
    const served = find(call, deps)
    const unitId = new URLSearchParams(queryOf(call)).get("unitId") ?? ""
    if (unitId === "" || isLongUnit(unitId) || !unitId.isWellFormed()) {
      throw new GatewayError("bad_request", { detail: `Ask with ?unitId=…, 1 to ${MAX_UNIT_LENGTH} characters.` })
    }
    return jsonAnswer(explainChoice(served, unitId))
  }
}

function find(call: Call, deps: ExperimentRouteDeps): Served {
  const served = deps.experiments.get(call.param("experiment") ?? "")
  if (served === undefined) throw new GatewayError("experiment_not_found")
  return served
}
