import { GatewayError } from "../../domain/errors.ts"
import type { ExperimentStore, StoredRevision } from "../../ports/experiment-store.ts"

/** Experiments in this process only. */
export function createMemoryExperimentStore(): ExperimentStore {
  const newest = new Map<string, StoredRevision>()
  return {
    latest: async () => [...newest.values()],
    append: async (revision) => {
      if (revision.revision <= (newest.get(revision.experiment)?.revision ?? 0)) {
        throw new GatewayError("internal", {
          detail: `[memory] revision ${revision.revision} of ${revision.experiment} is not after the newest`,
        })
      }
      newest.set(revision.experiment, { ...revision, document: structuredClone(revision.document) })
    },
  }
}
