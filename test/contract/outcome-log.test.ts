import { createMemoryOutcomeLog } from "#src/adapters/memory/outcome-log.ts"
import { openOutcomeLog } from "#src/adapters/ndjson/outcome-log.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { outcomeLogContract } from "./outcome-log.ts"

outcomeLogContract("a log in memory", async () => {
  const log = createMemoryOutcomeLog()
  return { log, reader: log }
})

outcomeLogContract("a log in one file", async () => {
  const folder = temporaryFolder()
  return {
    log: await openOutcomeLog({ folder, logger: createRememberingLogger(), answerWithinMs: 60_000 }),
    reader: createOutcomeReader(folder),
  }
})

outcomeLogContract("a log in many small files", async () => {
  const folder = temporaryFolder()
  const log = await openOutcomeLog({
    folder,
    logger: createRememberingLogger(),
    maxFileBytes: 1,
    answerWithinMs: 60_000,
  })
  return { log, reader: createOutcomeReader(folder) }
})
