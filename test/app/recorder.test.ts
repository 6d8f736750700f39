import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { openOutcomeLog } from "#src/adapters/ndjson/outcome-log.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { createRecorder, type RecorderOptions } from "#src/app/recorder.ts"
import { createDecisionIds } from "#src/domain/decision-id.ts"
import type { FoldMarks } from "#src/ports/fold-marks.ts"
import { FaultyDisk } from "#test/adapters/ndjson/faulty-disk.ts"
import { ALL_OF_CHAMPION, decisionEvent, factsOf, NOON, rewardEvent } from "#test/outcomes.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { GatedStore } from "./gated-store.ts"
import { FakeClock } from "./rig.ts"

/** Where a test waits for time to run out. */
const IMPATIENT = { answerWithinMs: 300 }

async function start(
  { readsAgain = false, ...options }: Partial<RecorderOptions> & { readonly readsAgain?: boolean } = {},
  syncAfterMs = 60_000,
) {
  const folder = join(temporaryFolder(), "outcomes")
  const logger = createRememberingLogger()
  const disk = new FaultyDisk()
  const log = await openOutcomeLog({ folder, logger, disk, syncAfterMs, answerWithinMs: 60_000 })
  const store = new GatedStore(createMemoryCounterStore())
  const recorder = createRecorder({
    log,
    store,
    clock: realClock,
    logger,
    answerWithinMs: 10_000,
    closeWithinMs: 1_000,
    ...(readsAgain ? { reader: createOutcomeReader(folder) } : {}),
    ...options,
  })
  onTestFinished(async () => {
    disk.heal()
    store.state = "open"
    await recorder.close()
  })
  const logged = async (): Promise<string[]> => {
    const all: string[] = []
    for await (const { lines } of createOutcomeReader(folder).read(undefined, undefined)) all.push(...lines)
    return all
  }
  const totals = async () => {
    return (await store.statistics("banner-ctr", ALL_OF_CHAMPION)).variants[0]?.totals
  }
  const decide = (decisionId: string, reason: "policy" | "forced" = "policy") => {
    const event = decisionEvent({ decisionId, reason })
    return recorder.recordDecision(JSON.stringify(event), factsOf(event))
  }
  return { recorder, log, store, disk, logger, logged, totals, decide }
}

describe("given decisions", () => {
  it("counts those that are learned from", async () => {
    const { recorder, decide, totals, logged } = await start()
    expect(await Promise.all([decide("D1"), decide("D2"), decide("D3", "forced")])).toEqual([true, true, true])
    await recorder.flush()
    expect(await totals()).toMatchObject({ decisions: 2 })
    expect(await logged()).toHaveLength(3)
  })

  it("counts them before long without being asked", async () => {
    const { decide, totals } = await start({ foldEveryMs: 1 }, 1)
    await decide("D1")
    await expect.poll(totals).toMatchObject({ decisions: 1 })
    await decide("D2")
    await expect.poll(totals).toMatchObject({ decisions: 2 })
  })
})

describe("given rewards", () => {
  it("answers once they are logged, durable and counted", async () => {
    const { recorder, disk, totals, logged } = await start()
    expect(await recorder.recordRewards([rewardEvent({ value: 0.5 })])).toEqual(["applied"])
    expect(disk.synced).toHaveLength(1)
    expect(await totals()).toMatchObject({ rewards: 1, sum: 0.5 })
    expect(await logged()).toEqual([JSON.stringify(rewardEvent({ value: 0.5 }))])
  })

  it("takes a repetition in the same call, at the same time and later for a duplicate, and logs it once", async () => {
    const { recorder, totals, logged } = await start()
    const both = [rewardEvent(), rewardEvent()]
    const [first, second] = await Promise.all([recorder.recordRewards(both), recorder.recordRewards(both)])
    expect(first).toEqual(["applied", "duplicate"])
    expect(second).toEqual(["duplicate", "duplicate"])
    expect(await recorder.recordRewards([rewardEvent()])).toEqual(["duplicate"])
    expect(await totals()).toMatchObject({ rewards: 1 })
    expect(await logged()).toHaveLength(1)
  })

  it("takes a second reward under another event id for a duplicate only where the first one decides", async () => {
    const { recorder, totals } = await start()
    const first = ["a", "b"].map((eventId) => rewardEvent({ decisionId: "D1", eventId, value: 0.25 }))
    const sum = ["a", "b"].map((eventId) => rewardEvent({ decisionId: "D2", eventId, aggregation: "sum", value: 0.25 }))
    expect(await recorder.recordRewards([...first, ...sum])).toEqual(["applied", "duplicate", "applied", "applied"])
    expect(await totals()).toMatchObject({ rewards: 2, sum: 0.75 })
  })

  it("logs and counts a reward under `first` that comes with a zero, whichever comes first", async () => {
    const { recorder, totals, logged } = await start()
    const of = (decisionId: string, value: number) => rewardEvent({ decisionId, value })
    const together = [of("D1", 0), of("D1", 1), of("D2", 1), of("D2", 0)]
    const answers = await Promise.all(together.map((event) => recorder.recordRewards([event])))
    expect(answers.flat()).toEqual(["applied", "applied", "applied", "duplicate"])
    expect(await totals()).toMatchObject({ rewards: 2, sum: 2 })
    expect(await logged()).toHaveLength(4)
  })

  it("sends those of one turn to the store and the log together, each answered for itself", async () => {
    const { recorder, store, log, disk, logged } = await start({ atTurnEnd: (run) => void setImmediate(run) })
    const asked: number[] = []
    const { seen } = store
    store.seen = (keys) => {
      asked.push(keys.length)
      return seen(keys)
    }
    const ids = Array.from({ length: 20 }, (_, index) => `D${index}`)
    await recorder.recordRewards([rewardEvent({ decisionId: "D3" })])
    const answers = await Promise.all([
      ...ids.map((decisionId) => recorder.recordRewards([rewardEvent({ decisionId })])),
      recorder.recordRewards([rewardEvent({ decisionId: "D5" }), rewardEvent({ decisionId: "D20" })]),
    ])
    expect(answers.flat()).toEqual([
      ...ids.map((decisionId) => (decisionId === "D3" ? "duplicate" : "applied")),
      "duplicate",
      "applied",
    ])
    expect(asked).toEqual([1, 21])
    expect([log.counts.writes, disk.synced.length, recorder.counts.folds]).toEqual([2, 2, 2])
    expect(await logged()).toHaveLength(21)
  })

  it("asks the store only about decisions that may have been rewarded before", async () => {
    const { recorder, store, logged } = await start()
    const asked: string[] = []
    const { seen } = store
    store.seen = (keys) => {
      asked.push(...keys.map(({ decisionId }) => decisionId))
      return seen(keys)
    }
    const newId = createDecisionIds((target) => target.set(target.map((_, index) => index)))
    const [old, young] = [newId(Date.now() - 60_000), newId(Date.now())]
    const both = [old, young].map((decisionId) => rewardEvent({ decisionId }))
    expect(await recorder.recordRewards(both)).toEqual(["applied", "applied"])
    expect(asked).toEqual([old])
    expect(await recorder.recordRewards(both)).toEqual(["duplicate", "duplicate"])
    expect(asked).toEqual([old, old, young])
    expect(await logged()).toHaveLength(2)
  })

  it("sends many of one turn in parts", async () => {
    const { recorder, store } = await start({ atTurnEnd: (run) => void setImmediate(run), answerWithinMs: 5_000 })
    const asked: number[] = []
    const { seen } = store
    store.seen = (keys) => {
      asked.push(keys.length)
      return seen(keys)
    }
    const events = Array.from({ length: 600 }, (_, index) => rewardEvent({ decisionId: `D${index}` }))
    expect(new Set(await recorder.recordRewards(events))).toEqual(new Set(["applied"]))
    expect(asked).toEqual([256, 256, 88])
  })

  it("keeps no experiment waiting for another's fold", async () => {
    const { recorder, store } = await start({ atTurnEnd: (run) => void setImmediate(run), answerWithinMs: 60_000 })
    const { fold } = store
    const release = Promise.withResolvers<void>()
    store.fold = async (batch) => {
      if (batch.experiment === "slow") await release.promise
      return await fold(batch)
    }
    const slow = recorder.recordRewards([rewardEvent({ decisionId: "S1", experiment: "slow" })])
    expect(await recorder.recordRewards([rewardEvent()])).toEqual(["applied"])
    release.resolve()
    expect(await slow).toEqual(["applied"])
  })

  it("answers nothing for an empty call", async () => {
    const { recorder } = await start()
    expect(await recorder.recordRewards([])).toEqual([])
  })
})

describe("given a store that doesn't answer", () => {
  it.each(["refuses", "hangs"] as const)(
    "accepts rewards when it %s, and takes their retry for a duplicate",
    async (state) => {
      const { recorder, store, logged, disk } = await start(IMPATIENT)
      store.state = state
      expect(await recorder.recordRewards([rewardEvent()])).toEqual(["accepted"])
      expect(disk.synced).toHaveLength(1)
      expect(await recorder.recordRewards([rewardEvent()])).toEqual(["accepted"])
      expect(await logged()).toHaveLength(1)
    },
  )

  it("counts what it accepted once the store is back, decisions included", async () => {
    const { recorder, store, totals, decide, logger } = await start(IMPATIENT)
    store.state = "refuses"
    await decide("D1")
    expect(await recorder.recordRewards([rewardEvent()])).toEqual(["accepted"])
    await expect(recorder.flush()).rejects.toMatchObject({ code: "store_unavailable" })
    expect(recorder.counts.storeFails).toBe(true)
    store.state = "open"
    await recorder.flush()
    expect(await totals()).toMatchObject({ decisions: 1, rewards: 1 })
    expect(recorder.counts.storeFails).toBe(false)
    expect(await recorder.recordRewards([rewardEvent()])).toEqual(["duplicate"])
    expect(logger.messages.filter((message) => message.startsWith("error"))).toHaveLength(1)
  })

  it("counts once what was committed although the answer was lost", async () => {
    const { recorder, store, totals, decide } = await start(IMPATIENT)
    store.state = "loses answers"
    await decide("D1")
    await recorder.recordRewards([rewardEvent()])
    await decide("D2")
    store.state = "open"
    await recorder.flush()
    await recorder.flush()
    expect(await totals()).toEqual({ decisions: 2, rewards: 1, sum: 1, sumSq: 1 })
  })

  it("takes rewards for as long as the store is away, keeps few of them in memory, and counts each once from the log", async () => {
    const patient = { answerWithinMs: 2_000, maxPendingRewards: 50, readsAgain: true }
    const { recorder, store, decide, totals } = await start(patient)
    const rewardOf = (index: number) => rewardEvent({ decisionId: `D${index}`, eventId: `r-D${index}-click` })
    store.state = "refuses"
    for (let first = 0; first < 400; first += 20) {
      const some = Array.from({ length: 20 }, (_, index) => first + index)
      await Promise.all(some.map((index) => decide(`D${index}`)))
      expect(new Set(await recorder.recordRewards(some.map(rewardOf)))).toEqual(new Set(["accepted"]))
      expect(recorder.counts.waitingRewards).toBeLessThan(50)
    }
    expect(await recorder.recordRewards([rewardOf(100)])).toEqual(["accepted"])
    store.state = "open"
    await expect.poll(async () => (await totals())?.rewards, { timeout: 20_000 }).toBe(400)
    await recorder.flush()
    expect(await totals()).toEqual({ decisions: 400, rewards: 400, sum: 400, sumSq: 400 })
    expect(await recorder.recordRewards([rewardOf(9)])).toEqual(["duplicate"])
  })

  it("refuses more rewards than it may keep waiting where the log can't be read again", async () => {
    const { recorder, store } = await start({ ...IMPATIENT, maxPendingRewards: 2 })
    store.state = "refuses"
    await recorder.recordRewards([rewardEvent({ decisionId: "D1" }), rewardEvent({ decisionId: "D2" })])
    const third = recorder.recordRewards([rewardEvent({ decisionId: "D3" })])
    await expect(third).rejects.toMatchObject({ code: "store_unavailable" })
  })
})

describe("given a log that fails", () => {
  it("refuses rewards on a full disk, and takes them when they are sent again", async () => {
    const { recorder, disk, totals, decide } = await start()
    disk.fail("write", "ENOSPC")
    await expect(recorder.recordRewards([rewardEvent()])).rejects.toMatchObject({ code: "log_unavailable" })
    expect(await decide("D1")).toBe(false)
    disk.heal()
    expect(await recorder.recordRewards([rewardEvent()])).toEqual(["applied"])
    expect(await totals()).toMatchObject({ decisions: 0, rewards: 1 })
  })

  it("acknowledges no reward that isn't durable, not even as a duplicate", async () => {
    const { recorder, disk } = await start(IMPATIENT)
    const release = disk.hang("datasync")
    await expect(recorder.recordRewards([rewardEvent()])).rejects.toMatchObject({ code: "log_unavailable" })
    await expect(recorder.recordRewards([rewardEvent()])).rejects.toMatchObject({ code: "log_unavailable" })
    release()
    expect(await recorder.recordRewards([rewardEvent()])).toEqual(["duplicate"])
  })

  it("bounds the wait for a write that hangs, and shares its fate with the retry", async () => {
    const { recorder, disk, logged, totals } = await start(IMPATIENT)
    const release = disk.hang("write")
    await expect(recorder.recordRewards([rewardEvent()])).rejects.toMatchObject({ code: "log_unavailable" })
    const retry = recorder.recordRewards([rewardEvent()])
    release()
    expect(await retry).toEqual(["duplicate"])
    expect(await logged()).toHaveLength(1)
    expect(await totals()).toMatchObject({ rewards: 1 })
  })

  it("refuses a configuration change that it can't write", async () => {
    const { recorder, disk } = await start()
    const { experiment } = rewardEvent()
    const change = {
      v: 1,
      type: "experiment",
      eventId: "x1",
      at: new Date(NOON).toISOString(),
      experiment,
      revision: 1,
      actor: "tester",
      source: "api",
      models: {},
      lineage: { series: {}, epoch: 1, metrics: {} },
      diff: [],
      document: null,
    } as const
    disk.failOnce("write", "ENOSPC")
    await expect(recorder.recordExperiment(change)).rejects.toMatchObject({ code: "log_unavailable" })
    await recorder.recordExperiment(change)
    expect(disk.synced).toHaveLength(1)
  })
})

it("folds what is left when it closes", async () => {
  const folder = temporaryFolder()
  const logger = createRememberingLogger()
  const log = await openOutcomeLog({ folder, logger })
  const store = createMemoryCounterStore()
  const recorder = createRecorder({ log, store, clock: realClock, logger, foldEveryMs: 60_000 })
  const event = decisionEvent()
  await recorder.recordDecision(JSON.stringify(event), factsOf(event))
  await recorder.close()
  expect((await store.contents()).cells).toMatchObject([{ metric: "", count: 1 }])
  const end = await createOutcomeReader(folder).end()
  expect([...(await store.positions(log.id))]).toEqual([["banner-ctr", end]])
})

it("notes how far it has folded under steady traffic too: beside the log, and in the store, which forgets credits by it", async () => {
  const saved: FoldMarks[] = []
  const marks = { load: async () => undefined, save: async (given: FoldMarks) => void saved.push(given) }
  const { log, store, recorder, decide } = await start({ marks, foldEveryMs: 1 }, 1)
  const heard: [string, number][] = []
  store.alive = async (id, foldedTo) => {
    heard.push([id, foldedTo])
    return { lapsed: false }
  }
  const ended = new AbortController()
  const traffic = (async () => {
    for (let i = 0; !ended.signal.aborted; i++) {
      await decide(`D${i}`)
      if (i % 3 === 0) await recorder.recordRewards([rewardEvent({ decisionId: `D${i}` })])
    }
  })()
  await expect.poll(() => saved.length, { timeout: 10_000 }).toBeGreaterThan(0)
  await expect.poll(() => heard.length, { timeout: 10_000 }).toBeGreaterThan(0)
  ended.abort()
  await traffic
  expect(saved[0]).toMatchObject({ log: log.id, watermark: { file: 1 } })
  const [[id, foldedTo] = ["", 0]] = heard
  expect(id).toBe(log.id)
  expect(foldedTo).toBeLessThanOrEqual(Date.now())
  expect(foldedTo).toBeGreaterThan(Date.now() - 60_000)
  await recorder.flush()
  const last = saved.at(-1)
  expect(last?.positions["banner-ctr"]).toEqual(last?.watermark)
})

it("says of a log without traffic that all of it is folded, so that others need not wait for it", async () => {
  const clock = new FakeClock()
  const { store, recorder, decide } = await start({ clock }, 1)
  const heard: number[] = []
  store.alive = async (_, foldedTo) => {
    heard.push(foldedTo)
    return { lapsed: false }
  }
  await decide("D1")
  await recorder.flush()
  clock.advance(3_600)
  await recorder.flush()
  expect(heard.at(-1)).toBeGreaterThan(clock.ms - 10_000)
  expect(heard.at(-1)).toBeLessThan(clock.ms)
})
