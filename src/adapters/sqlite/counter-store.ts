import type { CounterArchive } from "../../ports/counter-archive.ts"
import type { CounterStore } from "../../ports/counter-store.ts"
import type { Database } from "./database.ts"

/** Counters in the gateway's database. Closing the store closes the database. */
export function createSqliteCounterStore(database: Database): CounterStore & CounterArchive {
  return {
    fold: (batch) => database.request("fold", batch),
    seen: (keys) => database.request("seen", keys),
    statistics: (experiment, query) => database.request("statistics", { experiment, query }),
    position: () => database.request("position", undefined),
    contents: () => database.request("contents", undefined),
    reset: () => database.request("reset", undefined),
    close: () => database.close(),
  }
}
