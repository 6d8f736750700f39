import { GatewayError } from "../../domain/errors.ts"
import type { ExperimentStore, StoredRevision } from "../../ports/experiment-store.ts"

/** Experiments in this process only. */
export function createMemoryExperimentStore(): ExperimentStore {
  const histories = new Map<string, StoredRevision[]>()
  const latest = () => [...histories.values()].flatMap((history) => history.at(-1) ?? [])
  return {
    latest: async () => latest(),
    newest: async () => latest().map(({ experiment, revision }) => ({ experiment, revision })),
    history: async (experiment) => [...(histories.get(experiment) ?? [])],
    append: async (revision, after) => {
      const { experiment } = revision
      const history = histories.get(experiment) ?? []
      const newest = history.at(-1)?.revision ?? 0
      if (newest !== after) {
        throw new GatewayError("revision_conflict", {
          detail: `${experiment} is at revision ${newest}, not ${after}`,
        })
      }
      if (revision.revision <= after) {
        throw new GatewayError("internal", {
          detail: `[memory] revision ${revision.revision} of ${experiment} is not after ${after}`,
        })
      }
      histories.set(experiment, [...history, { ...revision, document: structuredClone(revision.document) }])
    },
  }
}
