import type { EditExperiment, EditResult, Wanted } from "../../app/edit-experiment.ts"
import type { GivenDocument } from "../../app/edited-document.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { Transition } from "../../domain/life-cycle.ts"
import type { Caller } from "../authorize.ts"
import { type Answer, type Call, jsonAnswer } from "../call.ts"
import { entityTag, readConditions } from "../conditions.ts"
import { EDIT_QUERY } from "../contract/edit-operations.ts"
import { MAX_COUNT } from "../contract/operation.ts"
import type { BodyReader, OperationHandler } from "../operation-handler.ts"
import { Query } from "../query.ts"
import { decodeUtf8, parseJsonBytes } from "../strict-json.ts"

export interface EditRouteDeps {
  readonly editExperiment: EditExperiment
}

const [DRY_RUN, REASON, RESET, KEEP] = EDIT_QUERY.map(({ name }) => name) as [string, string, string, string]

/** `PUT /admin/experiments/{id}`: the whole document, in JSON or YAML. */
export function putExperimentRoute(deps: EditRouteDeps): OperationHandler {
  return async (call, readBody, caller) => {
    const query = new Query(call, [DRY_RUN, REASON, RESET, KEEP])
    const { bytes, mediaType } = await readBody(call)
    const document: GivenDocument =
      mediaType === "application/yaml" ? { yaml: decodeUtf8(bytes) } : { json: parseObject(bytes) }
    return await edit(deps, call, caller, query, { kind: "put", document })
  }
}

/** `PATCH /admin/experiments/{id}`: a merge patch (RFC 7396). */
export function patchExperimentRoute(deps: EditRouteDeps): OperationHandler {
  return async (call, readBody, caller) => {
    const query = new Query(call, [DRY_RUN, REASON, RESET, KEEP])
    const { bytes } = await readBody(call)
    return await edit(deps, call, caller, query, { kind: "patch", patch: parseObject(bytes) })
  }
}

/** `DELETE /admin/experiments/{id}`. */
export function removeExperimentRoute(deps: EditRouteDeps): OperationHandler {
  return async (call, _, caller) => {
    refuseBody(call)
    return await edit(deps, call, caller, new Query(call, [DRY_RUN, REASON]), { kind: "remove" })
  }
}

/** `POST /admin/experiments/{id}/start`, `…/pause`, `…/resume`, `…/conclude`. */
export function transitionRoute(deps: EditRouteDeps, transition: Transition): OperationHandler {
  return async (call, _: BodyReader, caller) => {
    refuseBody(call)
    return await edit(deps, call, caller, new Query(call, [DRY_RUN, REASON]), { kind: "transition", transition })
  }
}

/** `POST /admin/experiments/{id}/promote?variant=…`. */
export function promoteRoute(deps: EditRouteDeps): OperationHandler {
  return async (call, _, caller) => {
    refuseBody(call)
    const query = new Query(call, ["variant", DRY_RUN, REASON])
    return await edit(deps, call, caller, query, { kind: "promote", variant: query.text("variant") ?? "" })
  }
}

/** `POST /admin/experiments/{id}/rollback?to=…`. */
export function rollbackRoute(deps: EditRouteDeps): OperationHandler {
  return async (call, _, caller) => {
    refuseBody(call)
    const query = new Query(call, ["to", DRY_RUN, REASON, RESET, KEEP])
    return await edit(deps, call, caller, query, { kind: "rollback", to: query.count("to", 1, MAX_COUNT) })
  }
}

async function edit(deps: EditRouteDeps, call: Call, caller: Caller, query: Query, wanted: Wanted): Promise<Answer> {
  const reason = query.text(REASON)
  const result = await deps.editExperiment({
    experiment: call.param("experiment") ?? "",
    wanted,
    seen: readConditions(call),
    actor: caller.name,
    ...(reason === undefined ? {} : { reason }),
    reset: variantsOf(query, RESET),
    keep: variantsOf(query, KEEP),
    dryRun: query.flag(DRY_RUN),
  })
  return answerOf(result, wanted)
}

function answerOf(result: EditResult, wanted: Wanted): Answer {
  const { created, ...told } = result
  const tag = result.revision === 0 || wanted.kind === "remove" ? {} : { etag: entityTag(result.revision, "json") }
  return jsonAnswer(told, created && !result.dryRun ? 201 : 200, tag)
}

function variantsOf(query: Query, name: string): readonly string[] | "all" {
  const named = query.list(name)
  return named.includes("all") ? "all" : named
}

function parseObject(bytes: Uint8Array): unknown {
  const value = parseJsonBytes(bytes)
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value
  throw new GatewayError("not_an_object")
}

/** What such a call says stands in its query; a body that is not read could say something else. */
function refuseBody(call: Call): void {
  const length = call.header("content-length") ?? "0"
  if (length === "0" && call.header("transfer-encoding") === undefined) return
  throw new GatewayError("bad_request", { detail: "This takes no body: what there is to say stands in the query." })
}
