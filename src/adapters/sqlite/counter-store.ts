import type { CounterArchive } from "../../ports/counter-archive.ts"
import type { CounterStore } from "../../ports/counter-store.ts"
import type { Database } from "./database.ts"
import { packGroups } from "./packed-groups.ts"
import { SeenQuestions } from "./seen-questions.ts"
import { readGroups } from "./stored-groups.ts"

/** Counters in the gateway's database. Closing the store closes the database. */
export function createSqliteCounterStore(database: Database): CounterStore & CounterArchive {
  const questions = new SeenQuestions((keys) => database.request("seen", keys))
  return {
    fold: (batch) => database.request("fold", { ...batch, groups: packGroups(batch.groups) }),
    seen: (keys) => questions.ask(keys),
    statistics: (experiment, query) => database.request("statistics", { experiment, query }),
    groups: async (experiment) => readGroups(await database.request("groups", experiment)),
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
