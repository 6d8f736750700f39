import type { ExperimentStore } from "../../ports/experiment-store.ts"
import type { DatabaseRequests } from "./open-requests.ts"

/** Experiments in the gateway's database. */
export function createSqliteExperimentStore(database: DatabaseRequests): ExperimentStore {
  return {
    latest: () => database.request("latestRevisions", undefined),
    newest: () => database.request("newestRevisions", undefined),
    history: (experiment) => database.request("history", experiment),
    append: (revision, after) => database.request("appendRevision", { revision, after }),
  }
}
