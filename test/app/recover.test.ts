import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { check, rebuild } from "#src/app/rebuild.ts"
import { DECISIONS } from "#src/domain/counters.ts"
import { decisionEvent, factsOf, rewardEvent } from "#test/outcomes.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { LoggedOutcomes, type Store } from "./logged-outcomes.ts"

async function counted(store: Store) {
  const { cells } = await store.contents()
  const count = (metric: string) =>
    cells.filter((cell) => cell.metric === metric).reduce((sum, cell) => sum + cell.count, 0)
  return { decisions: count(DECISIONS), rewards: count("click") }
}

function given(): { readonly gateway: LoggedOutcomes; readonly store: Store } {
  return { gateway: new LoggedOutcomes(temporaryFolder()), store: createMemoryCounterStore() }
}

async function served(gateway: LoggedOutcomes, store: Store, ...ids: readonly string[]): Promise<void> {
  const { decide, reward, recorder } = await gateway.start(store)
  await decide(...ids)
  await reward(...ids.map((decisionId) => rewardEvent({ decisionId })))
  await recorder.close()
}

describe("given a start", () => {
  it("folds what the process before it had logged and not folded", async () => {
    const { gateway, store } = given()
    await served(gateway, store, "D1", "D2")
    gateway.append(decisionEvent({ decisionId: "D3" }), rewardEvent({ decisionId: "D3" }))
    const { recovered, recorder } = await gateway.start(store)
    expect(recovered).toMatchObject({ events: 2, skipped: 0 })
    expect(await counted(store)).toEqual({ decisions: 3, rewards: 3 })
    await recorder.close()
  })

  it("reads nothing again where all was folded, idle experiments included", async () => {
    const { gateway, store } = given()
    const { recorder, decide } = await gateway.start(store)
    const other = decisionEvent({ experiment: "idle", decisionId: "I1" })
    await recorder.recordDecision(JSON.stringify(other), factsOf(other))
    await recorder.flush()
    await decide("D1", "D2", "D3")
    await recorder.close()
    const again = await gateway.start(store)
    expect(again.recovered.events).toBe(0)
    await again.recorder.close()
    rmSync(join(gateway.folder, "fold-marks.json"))
    const withoutMarks = await gateway.start(store)
    expect(withoutMarks.recovered.events).toBeGreaterThan(0)
    await withoutMarks.recorder.close()
    expect(await counted(store)).toMatchObject({ decisions: 4 })
  })

  it("folds everything again into a store that was emptied, each line once", async () => {
    const { gateway, store } = given()
    await served(gateway, store, "D1", "D2")
    await store.reset()
    const { recorder } = await gateway.start(store)
    await recorder.close()
    expect(await counted(store)).toEqual({ decisions: 2, rewards: 2 })
  })

  it("skips damaged lines and counts them", async () => {
    const { gateway, store } = given()
    await served(gateway, store, "D1", "D2", "D3")
    const lines = readFileSync(gateway.path, "utf8").split("\n")
    lines[0] = "\0".repeat(40)
    writeFileSync(gateway.path, lines.join("\n"))
    await store.reset()
    const { recovered, recorder } = await gateway.start(store)
    expect(recovered).toMatchObject({ events: 5, skipped: 1 })
    expect(await counted(store)).toEqual({ decisions: 2, rewards: 3 })
    await recorder.close()
  })
})

describe("given two gateways over one store", () => {
  it("counts what both decide and reward, and a reward that both take once", async () => {
    const store = createMemoryCounterStore()
    const one = await new LoggedOutcomes(temporaryFolder()).start(store)
    const two = await new LoggedOutcomes(temporaryFolder()).start(store)
    await Promise.all([one.decide("A1", "A2", "A3"), two.decide("B1")])
    const reward = rewardEvent({ decisionId: "A1" })
    await Promise.all([one.reward(reward), two.reward(reward), two.reward(rewardEvent({ decisionId: "B1" }))])
    await Promise.all([one.recorder.close(), two.recorder.close()])
    expect(await counted(store)).toEqual({ decisions: 4, rewards: 2 })
  })

  it("keeps the counters when one of them starts on an empty disk", async () => {
    const { gateway, store } = given()
    await served(gateway, store, "D1", "D2")
    await served(new LoggedOutcomes(temporaryFolder()), store, "E1")
    expect(await counted(store)).toEqual({ decisions: 3, rewards: 3 })
  })

  it("gives a copied disk an id of its own: what it holds counts once, what it adds counts too", async () => {
    const { gateway, store } = given()
    await served(gateway, store, "D1", "D2")
    const copy = gateway.copyTo(temporaryFolder())
    await served(gateway, store, "D3")
    await served(copy, store, "C1")
    await served(copy, store, "C2")
    await served(gateway, store, "D4")
    expect(await counted(store)).toEqual({ decisions: 6, rewards: 6 })
    expect(await copy.reader.spans()).toHaveLength(2)
    expect(await gateway.reader.spans()).toHaveLength(1)
  })

  it("finds out while both run that one is a copy of the other", async () => {
    const { gateway, store } = given()
    await served(gateway, store, "D1")
    const copy = gateway.copyTo(temporaryFolder())
    const one = await gateway.start(store)
    const two = await copy.start(store)
    await one.decide("D2")
    await one.recorder.flush()
    await two.decide("C2")
    await two.recorder.flush()
    await one.decide("D3")
    await two.decide("C3")
    await Promise.all([one.recorder.close(), two.recorder.close()])
    expect(await counted(store)).toEqual({ decisions: 5, rewards: 1 })
    expect(copy.logger.messages.some((message) => message.includes("new id"))).toBe(true)
  })

  it("gives a disk restored from yesterday an id of its own", async () => {
    const { gateway, store } = given()
    await served(gateway, store, "D1")
    const yesterday = gateway.copyTo(temporaryFolder())
    await served(gateway, store, "D2", "D3")
    const restored = yesterday.copyTo(gateway.folder)
    await served(restored, store, "D4")
    expect(await counted(store)).toEqual({ decisions: 4, rewards: 4 })
    expect(restored.logger.messages.some((message) => message.includes("new id"))).toBe(true)
  })

  it("goes on under a new id where the log's end was cut off", async () => {
    const { gateway, store } = given()
    await served(gateway, store, "D1", "D2")
    truncateSync(gateway.path, statSync(gateway.path).size - 10)
    await served(gateway, store, "D3")
    expect(await counted(store)).toEqual({ decisions: 3, rewards: 3 })
  })

  it("makes equal counters from all logs, whatever the order in which they are given and were folded", async () => {
    const { gateway, store } = given()
    await served(gateway, store, "D1", "D2")
    const copy = gateway.copyTo(temporaryFolder())
    await served(gateway, store, "D3")
    await served(copy, store, "C1")
    const third = new LoggedOutcomes(temporaryFolder())
    await served(third, store, "E1")
    const readers = [gateway.reader, copy.reader, third.reader]
    const live = await counted(store)
    expect(await check({ readers, archive: store, now: Date.now() }, () => {})).toMatchObject({
      equal: true,
      unfolded: 0,
    })
    for (const order of [readers, readers.toReversed(), [copy.reader, third.reader, gateway.reader]]) {
      await rebuild({ readers: order, store }, () => {})
      expect(await counted(store)).toEqual(live)
      expect(await check({ readers: order.toReversed(), archive: store, now: Date.now() }, () => {})).toMatchObject({
        equal: true,
      })
    }
    await served(copy, store, "C2")
    expect(await counted(store)).toEqual({ decisions: live.decisions + 1, rewards: live.rewards + 1 })
  })
})

describe("given a store that falls back while a gateway runs", () => {
  it("folds from where the store stands", async () => {
    const { gateway, store } = given()
    const { decide, reward, recorder } = await gateway.start(store)
    await decide("D1", "D2")
    await reward(rewardEvent({ decisionId: "D1" }))
    await recorder.flush()
    await store.reset()
    await decide("D3")
    expect(await reward(rewardEvent({ decisionId: "D3" }))).toEqual(["applied"])
    await recorder.close()
    expect(await counted(store)).toEqual({ decisions: 3, rewards: 2 })
  })
})
