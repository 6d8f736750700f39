import { documentChanges } from "../../domain/document-changes.ts"
import { GatewayError } from "../../domain/errors.ts"
import { parseExperimentId } from "../../domain/experiment.ts"
import type { ExperimentStore, StoredRevision } from "../../ports/experiment-store.ts"
import { type Answer, type Call, jsonAnswer } from "../call.ts"
import { entityTag } from "../conditions.ts"
import { MAX_PAGE } from "../contract/history-operations.ts"
import { MAX_COUNT } from "../contract/operation.ts"
import type { OperationHandler } from "../operation-handler.ts"
import { Query } from "../query.ts"

export interface HistoryRouteDeps {
  readonly experimentStore: Pick<ExperimentStore, "history">
}

const PAGE = 100

/** `GET /admin/experiments/{id}/history`: newest first. */
export function historyRoute(deps: HistoryRouteDeps): OperationHandler {
  return async (call) => {
    const query = new Query(call, ["limit", "cursor"])
    const limit = query.count("limit", 1, MAX_PAGE) ?? PAGE
    const before = query.count("cursor", 1, MAX_COUNT) ?? Number.POSITIVE_INFINITY
    const history = (await historyOf(call, deps)).filter(({ revision }) => revision < before).toReversed()
    const page = history.slice(0, limit)
    const last = page.at(-1)
    return jsonAnswer({
      experiment: call.param("experiment"),
      revisions: page.map(toEntry),
      ...(history.length > page.length && last !== undefined ? { nextCursor: String(last.revision) } : {}),
    })
  }
}

/** `GET /admin/experiments/{id}/history/{revision}`: the document as it was. */
export function revisionRoute(deps: HistoryRouteDeps): OperationHandler {
  return async (call): Promise<Answer> => {
    const stored = await findRevision(call, deps, call.param("revision") ?? "")
    if (stored.document === null)
      throw new GatewayError("experiment_not_found", { detail: "It was deleted by that revision." })
    const document = stored.document as Readonly<Record<string, unknown>>
    return jsonAnswer({ revision: stored.revision, ...document }, 200, { etag: entityTag(stored.revision, "json") })
  }
}

/** `GET /admin/experiments/{id}/diff?from=…&to=…`. */
export function diffRoute(deps: HistoryRouteDeps): OperationHandler {
  return async (call) => {
    const query = new Query(call, ["from", "to"])
    const history = await historyOf(call, deps)
    const to = query.text("to") ?? String(history.at(-1)?.revision ?? 0)
    const earlier = history.filter(({ revision }) => revision < Number(to)).at(-1)
    const from = query.text("from") ?? String(earlier?.revision ?? to)
    const [before, after] = [revisionOf(history, from), revisionOf(history, to)]
    return jsonAnswer({
      experiment: after.experiment,
      from: before.revision,
      to: after.revision,
      changes: documentChanges(before.document, after.document),
      series: seriesBetween(before, after),
    })
  }
}

async function findRevision(call: Call, deps: HistoryRouteDeps, number: string): Promise<StoredRevision> {
  return revisionOf(await historyOf(call, deps), number)
}

/** @throws GatewayError `experiment_not_found` where there never was one */
async function historyOf(call: Call, { experimentStore }: HistoryRouteDeps): Promise<readonly StoredRevision[]> {
  const id = parseExperimentId(call.param("experiment") ?? "")
  const history = id === undefined ? [] : await experimentStore.history(id)
  if (history.length === 0) throw new GatewayError("experiment_not_found")
  return history
}

function revisionOf(history: readonly StoredRevision[], number: string): StoredRevision {
  const found = history.find(({ revision }) => String(revision) === number)
  if (found !== undefined) return found
  const known = history.map(({ revision }) => revision)
  throw new GatewayError("not_found", {
    detail: `There is no such revision. There are ${known.length}, from ${known[0]} to ${known.at(-1)}.`,
  })
}

function toEntry({ revision, at, actor, source, reason, held, diff, document, lineage }: StoredRevision) {
  return {
    revision,
    at: new Date(at).toISOString(),
    actor,
    source,
    ...(reason === undefined ? {} : { reason }),
    ...(held === undefined ? {} : { held }),
    deleted: document === null,
    diff,
    series: lineage.series,
    epoch: lineage.epoch,
  }
}

/** Variants whose statistics are other ones at the later revision. */
function seriesBetween(before: StoredRevision, after: StoredRevision) {
  return Object.entries(after.lineage.series)
    .map(([variant, series]) => ({ variant, before: before.lineage.series[variant] ?? 0, after: series }))
    .filter((step) => step.before !== step.after)
}
