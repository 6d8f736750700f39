import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { openOutcomeLog } from "#src/adapters/ndjson/outcome-log.ts"
import { createRecorder } from "#src/app/recorder.ts"
import { ALL_OF_CHAMPION, rewardEvent } from "#test/outcomes.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { GatedStore } from "./gated-store.ts"

async function start(durability: "log" | "store") {
  const logger = createRememberingLogger()
  const log = await openOutcomeLog({ folder: join(temporaryFolder(), "outcomes"), logger })
  const store = new GatedStore(createMemoryCounterStore())
  const recorder = createRecorder({ log, store, clock: realClock, logger, answerWithinMs: 10_000, durability })
  onTestFinished(() => recorder.close())
  const totals = async () => (await store.statistics("banner-ctr", ALL_OF_CHAMPION)).variants[0]?.totals
  return { recorder, store, totals }
}

describe("given a store that syncs its disk later than it answers", () => {
  it("answers once that has come", async () => {
    const { recorder, store, totals } = await start("store")
    const disk = Promise.withResolvers<void>()
    const waited: string[] = []
    store.synced = async (experiment) => {
      waited.push(experiment)
      await disk.promise
    }
    let isAnswered = false
    const answer = async () => {
      const answers = await recorder.recordRewards([rewardEvent()])
      isAnswered = true
      return answers
    }
    const answering = answer()
    await expect.poll(totals).toMatchObject({ rewards: 1 })
    await expect.poll(() => waited).toEqual(["banner-ctr"])
    expect(isAnswered).toBe(false)
    disk.resolve()
    expect(await answering).toEqual(["applied"])
  })

  it("refuses a reward whose sync fails, also repeated, and answers that it is a duplicate once one has come", async () => {
    const { recorder, store, totals } = await start("store")
    store.synced = () => Promise.reject(new Error("no sync"))
    for (let tries = 0; tries < 2; tries++) {
      await expect(recorder.recordRewards([rewardEvent()])).rejects.toMatchObject({
        code: "store_unavailable",
        detail: expect.stringContaining("send them again"),
      })
    }
    store.synced = async () => {}
    expect(await recorder.recordRewards([rewardEvent()])).toEqual(["duplicate"])
    expect(await totals()).toMatchObject({ rewards: 1 })
  })

  it("doesn't ask where the log is what makes rewards durable", async () => {
    const { recorder, store } = await start("log")
    store.synced = () => Promise.reject(new Error("no sync"))
    expect(await recorder.recordRewards([rewardEvent()])).toEqual(["applied"])
  })
})
