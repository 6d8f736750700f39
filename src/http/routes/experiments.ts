import { explainChoice, readAllocation, readStatistics } from "../../app/read-experiment.ts"
import type { Served, ServedExperiments } from "../../app/served-experiments.ts"
import { GatewayError } from "../../domain/errors.ts"
import { STATUSES } from "../../domain/life-cycle.ts"
import type { Clock } from "../../ports/clock.ts"
import type { CounterStore } from "../../ports/counter-store.ts"
import { mayUse } from "../authorize.ts"
import { type Call, emptyAnswer, jsonAnswer, queryOf } from "../call.ts"
import { entityTag, isKnown } from "../conditions.ts"
import { MAX_PAGE } from "../contract/history-operations.ts"
import { isLongUnit, MAX_UNIT_LENGTH } from "../contract/predict-body.ts"
import type { OperationHandler } from "../operation-handler.ts"
import { Query } from "../query.ts"

/** A JSON document as YAML. */
export type WriteYaml = (document: unknown) => string

export interface ExperimentRouteDeps {
  readonly experiments: ServedExperiments
  readonly writeYaml: WriteYaml
  readonly counters: CounterStore
  readonly clock: Clock
}

const PAGE = 100

/** `GET /admin/experiments`: by id. */
export function listExperimentsRoute({ experiments }: ExperimentRouteDeps): OperationHandler {
  return (call, _readBody, caller) => {
    const query = new Query(call, ["status", "policy", "contains", "limit", "cursor"])
    const statuses = query.listOf("status", STATUSES)
    const policy = query.text("policy")
    const contained = query.text("contains")?.toLowerCase() ?? ""
    const after = query.text("cursor") ?? ""
    const limit = query.count("limit", 1, MAX_PAGE) ?? PAGE
    const found = experiments
      .all()
      .filter(({ snapshot: { experiment } }) => {
        const text = `${experiment.id} ${experiment.description}`.toLowerCase()
        return (
          experiment.id > after &&
          mayUse(caller, experiment.id) &&
          (statuses.length === 0 || statuses.includes(experiment.status)) &&
          (policy === undefined || experiment.policy.kind === policy) &&
          text.includes(contained)
        )
      })
      .sort((a, b) => (a.snapshot.experiment.id < b.snapshot.experiment.id ? -1 : 1))
    const page = found.slice(0, limit).map(({ snapshot: { experiment, revision } }) => ({
      id: experiment.id,
      description: experiment.description,
      status: experiment.status,
      revision,
      policy: experiment.policy.kind,
      variants: experiment.variants.map(({ id }) => id),
    }))
    const next = found.length > page.length ? page.at(-1)?.id : undefined
    return jsonAnswer({ experiments: page, ...(next === undefined ? {} : { nextCursor: next }) })
  }
}

/** `GET /admin/experiments/{id}`: the document in force and its revision, which is also its ETag; in YAML where that is asked for. */
export function readExperimentRoute(deps: ExperimentRouteDeps): OperationHandler {
  return (call) => {
    const { experiment, revision } = find(call, deps).snapshot
    const format = wantsYaml(call) ? "yaml" : "json"
    const headers = { etag: entityTag(revision, format), vary: "accept" }
    if (isKnown(call, headers.etag)) return emptyAnswer(304, headers)
    if (format === "json") return jsonAnswer({ revision, ...experiment }, 200, headers)
    const body = `# revision ${revision}\n${deps.writeYaml(experiment)}`
    return {
      status: 200,
      headers: { "cache-control": "no-store", "content-type": "application/yaml", ...headers },
      body,
    }
  }
}

function wantsYaml(call: Call): boolean {
  return /\b(application|text)\/(x-)?yaml\b/i.test(call.header("accept") ?? "")
}

/** `GET /admin/experiments/{id}/stats`. */
export function statisticsRoute(deps: ExperimentRouteDeps): OperationHandler {
  return async (call) => {
    const { snapshot, endpoints } = find(call, deps)
    const statistics = await readStatistics(snapshot, deps.counters, deps.clock)
    const variants = statistics.variants.map((variant, i) => ({ ...variant, target: endpoints[i]?.health?.() ?? null }))
    return jsonAnswer({ ...statistics, variants })
  }
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
