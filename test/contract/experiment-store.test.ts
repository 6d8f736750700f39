import { join } from "node:path"
import { onTestFinished } from "vitest"
import { createMemoryExperimentStore } from "#src/adapters/memory/experiment-store.ts"
import { Database } from "#src/adapters/sqlite/database.ts"
import { createSqliteExperimentStore } from "#src/adapters/sqlite/experiment-store.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { experimentStoreContract } from "./experiment-store.ts"

experimentStoreContract("experiments in memory", async () => createMemoryExperimentStore())

experimentStoreContract("experiments in SQLite", async () => {
  const database = new Database({ path: join(temporaryFolder(), "gateway.db") }, createRememberingLogger())
  onTestFinished(() => database.close())
  return createSqliteExperimentStore(database)
})
