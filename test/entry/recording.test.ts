import { expect, it } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { createMemoryExperimentStore } from "#src/adapters/memory/experiment-store.ts"
import { DECISIONS } from "#src/domain/counters.ts"
import { foldMarksOf, openRecording } from "#src/entry/recording.ts"
import { TurnEnd } from "#src/entry/turn-end.ts"
import { GatedStore } from "#test/app/gated-store.ts"
import { countedIn } from "#test/contract/opened-store.ts"
import { decisionEvent, factsOf } from "#test/outcomes.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

function given() {
  const dataDir = temporaryFolder()
  const store = new GatedStore(createMemoryCounterStore())
  const logger = createRememberingLogger()
  const start = () =>
    openRecording({
      dataDir,
      thread: 1,
      archive: store,
      experimentStore: createMemoryExperimentStore(),
      durability: "log",
      prepare: async () => {},
      turnEnd: new TurnEnd(),
      clock: realClock,
      logger,
    })
  const decide = async ({ recorder }: Awaited<ReturnType<typeof start>>, experiment: string) => {
    const event = decisionEvent({ experiment, decisionId: `${experiment}-${performance.now()}` })
    await recorder.recordDecision(JSON.stringify(event), factsOf(event))
  }
  return { store, start, decide, marked: async () => (await foldMarksOf(dataDir, 1, logger).load())?.positions }
}

it("counts an idle experiment again in a store that was emptied, also after a start at which the store was away", async () => {
  const { store, start, decide, marked } = given()
  const first = await start()
  await decide(first, "idle")
  await first.close()

  store.state = "refuses"
  const second = await start()
  store.state = "open"
  await second.store.recover()
  await decide(second, "busy")
  await second.recorder.flush()
  const counted = await countedIn(store)
  expect(Object.keys((await marked()) ?? {})).toEqual(["busy", "idle"])
  await store.reset()
  // Nothing comes but what notes how far the log is folded, every minute.
  await second.recorder.flush()
  expect(await countedIn(store)).toEqual(counted)

  await store.reset()
  await second.close()
  await store.reset()
  const third = await start()
  expect(await countedIn(store)).toEqual(counted)
  await third.close()
})

it("counts all of an experiment in a store that was emptied before a start that found it away could fold", async () => {
  const { store, start, decide } = given()
  const first = await start()
  await decide(first, "banner-ctr")
  await first.recorder.flush()
  await decide(first, "banner-ctr")
  await first.close()
  store.state = "refuses"
  const second = await start()
  await decide(second, "banner-ctr")
  await expect(second.recorder.flush()).rejects.toMatchObject({ code: "store_unavailable" })
  store.state = "open"
  await second.store.recover()
  await store.reset()
  await second.recorder.flush()
  const { cells } = await store.contents()
  expect(cells.reduce((sum, { metric, count }) => sum + (metric === DECISIONS ? count : 0), 0)).toBe(3)
  await second.close()
})
