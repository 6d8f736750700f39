import type { CounterArchive } from "../../ports/counter-archive.ts"
import type { CounterStore, CreditKey } from "../../ports/counter-store.ts"
import type { DatabaseRequests } from "./open-requests.ts"
import { packBatch } from "./packed-batch.ts"
import { readGroups } from "./stored-groups.ts"

/** Counters in the gateway's database. Closing the store closes the database. */
export function createSqliteCounterStore(database: DatabaseRequests): CounterStore & CounterArchive {
  return {
    fold: (batch) => database.request("fold", packBatch(batch)),
    seen: (keys) => database.request("seen", keys.map(onlyKey)),
    statistics: (experiment, query) => database.request("statistics", { experiment, query }),
    groups: async (experiment) => readGroups(await database.request("groups", experiment)),
    calls: (experiment) => database.request("calls", experiment),
    keep: (experiment, resolution) => database.request("keep", { experiment, resolution }),
    alive: (log, foldedTo) => database.request("alive", { log, foldedTo }),
    positions: (log) => database.request("positions", log),
    contents: () => database.request("contents", undefined),
    pack: () => database.request("pack", undefined),
    restore: (contents) => database.request("restore", contents),
    remember: (rewards) => database.request("remember", rewards),
    reset: () => database.request("reset", undefined),
    close: () => database.close(),
  }
}

/** What a whole event has beside it would be copied for the thread as well. */
function onlyKey(key: CreditKey): CreditKey {
  const { experiment, decisionId, decidedAt, metric, eventId, at, value, bound, aggregation, status, learn, holdout } =
    key
  return { experiment, decisionId, decidedAt, metric, eventId, at, value, bound, aggregation, status, learn, holdout }
}
