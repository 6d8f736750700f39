import { join } from "node:path"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { createSqliteCounterStore } from "#src/adapters/sqlite/counter-store.ts"
import { Database } from "#src/adapters/sqlite/database.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { counterStoreContract } from "./counter-store.ts"

counterStoreContract("counters in memory", async (clock) => createMemoryCounterStore(clock))

counterStoreContract("counters in SQLite", async (clock) => {
  const settings = { path: join(temporaryFolder(), "gateway.db"), clock: clock.shared }
  return createSqliteCounterStore(new Database(settings, createRememberingLogger()))
})
