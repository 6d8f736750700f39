import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { createDuckDbEvaluationLog } from "#src/adapters/duckdb/evaluation-log.ts"
import { createMemoryEvaluationLog } from "#src/adapters/memory/evaluation-log.ts"
import type { OutcomeEvent } from "#src/domain/events.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { anyPostbacks, evaluationLogContract, readLog } from "./evaluation-log.ts"

function inFile(events: readonly OutcomeEvent[]): string {
  const file = join(temporaryFolder(), "outcomes-00000001.ndjson")
  writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(""))
  return file
}

function inFiles(events: readonly OutcomeEvent[]) {
  return createDuckDbEvaluationLog({ paths: [inFile(events)], objects: [] })
}

evaluationLogContract("a log in memory", async (events) => createMemoryEvaluationLog(events))

evaluationLogContract("a log in files", async (events) => inFiles(events))

it("adds rewards up in files as the counters do, whatever they are", async () => {
  await fc.assert(
    fc.asyncProperty(anyPostbacks, async (events) => {
      const [files, memory] = [inFiles(events), createMemoryEvaluationLog(events)]
      const rewardsOf = async (log: typeof files) => (await readLog(log)).rows.map(({ reward }) => reward)
      expect(await rewardsOf(files)).toEqual(await rewardsOf(memory))
    }),
    { numRuns: 40 },
  )
})
