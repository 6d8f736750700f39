import { readFileSync, truncateSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { check, rebuild } from "#src/app/rebuild.ts"
import type { CounterDelta } from "#src/domain/counters.ts"
import { decisionEvent, rewardEvent } from "#test/outcomes.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { LoggedOutcomes } from "./logged-outcomes.ts"

const quiet = () => {}
const GHOST = { cohort: "learned", variant: "ghost", series: 1, metric: "", bucket: 0 } as const
const END = { file: 9, offset: 1, hash: "" }

/** A log of `count` decisions, each second one rewarded, all of them folded. */
async function given(count: number) {
  const gateway = new LoggedOutcomes(temporaryFolder())
  const store = createMemoryCounterStore()
  const { decide, reward, recorder } = await gateway.start(store)
  await decide(...Array.from({ length: count }, (_, index) => `D${index}`))
  await reward(
    ...Array.from({ length: Math.ceil(count / 2) }, (_, index) => rewardEvent({ decisionId: `D${2 * index}` })),
  )
  await recorder.close()
  const counted = async () =>
    (await store.contents()).cells.map(({ metric, count: counts }) => [metric, counts] as const)
  const compare = () => check({ readers: [gateway.reader], archive: store, now: Date.now() }, quiet)
  const addGhost = (experiment: string, delta: CounterDelta) =>
    store.fold({
      experiment,
      log: "ghost",
      from: undefined,
      end: END,
      counters: [{ key: { experiment, ...GHOST }, delta }],
      groups: [],
      sketches: [],
      rewards: [],
    })
  return { gateway, store, counted, compare, addGhost, deps: { readers: [gateway.reader], store } }
}

describe("given a rebuild", () => {
  it("replaces whatever the counters were", async () => {
    const { deps, counted, compare, addGhost } = await given(10)
    await addGhost("banner-ctr", { count: 7, sum: 0, sumSq: 0 })
    const progress: number[] = []
    expect(await rebuild(deps, ({ events }) => progress.push(events))).toEqual({ events: 15, skipped: 0, lostFiles: 0 })
    expect(progress.at(-1)).toBe(15)
    expect(await counted()).toEqual([
      ["", 10],
      ["click", 5],
    ])
    expect(await compare()).toMatchObject({ equal: true })
  })

  it("gives the same counters however often it is repeated", async () => {
    const { deps, store } = await given(10)
    await rebuild(deps, quiet)
    const once = await store.contents()
    await rebuild(deps, quiet)
    expect(await store.contents()).toEqual(once)
  })
})

describe("given a check", () => {
  it("finds the counters equal and changes nothing", async () => {
    const { store, compare } = await given(10)
    const before = await store.contents()
    expect(await compare()).toEqual({
      events: 15,
      skipped: 0,
      equal: true,
      differences: [],
      unfolded: 0,
      lostFiles: 0,
    })
    expect(await store.contents()).toEqual(before)
  })

  it("compares up to the stored position and says what waits", async () => {
    const { gateway, compare } = await given(10)
    gateway.append(decisionEvent({ decisionId: "D10" }), decisionEvent({ decisionId: "D11" }), rewardEvent())
    expect(await compare()).toMatchObject({ events: 15, equal: true, unfolded: 3 })
  })

  it("names each counter that differs, with both values", async () => {
    const { gateway, compare } = await given(10)
    const lines = readFileSync(gateway.path, "utf8").split("\n")
    // All but the last line, by whose hash the stored position is known.
    const changed = lines.map((line, index) =>
      index < lines.length - 2 ? line.replace('"value":1,', '"value":0.5,') : line,
    )
    writeFileSync(gateway.path, changed.join("\n"))
    const { equal, differences } = await compare()
    expect(equal).toBe(false)
    const place = { experiment: "banner-ctr", variant: "champion", series: 1, metric: "click" }
    expect(differences).toContainEqual({
      ...place,
      rows: "learned",
      hour: "2026-11-20T12:00:00.000Z",
      counter: "sum",
      store: "5000000",
      log: "3000000",
    })
    expect(differences).toContainEqual({
      ...place,
      rows: "group 7 of epoch 1",
      hour: undefined,
      counter: "sumSq",
      store: "5000000000",
      log: "2000000000",
    })
  })

  it("differs when the log has lost lines, when the store has lost counters, and when it has too many", async () => {
    const { gateway, compare, store, addGhost } = await given(10)
    await addGhost("other", { count: 1, sum: 0, sumSq: 0 })
    truncateSync(gateway.path, 0)
    const { differences } = await compare()
    const counters = differences.filter(({ hour }) => hour !== undefined)
    expect(counters.map(({ experiment, metric, counter, log }) => [experiment, metric, counter, log])).toEqual([
      ["banner-ctr", "", "count", "0"],
      ["banner-ctr", "click", "count", "0"],
      ["banner-ctr", "click", "sum", "0"],
      ["banner-ctr", "click", "sumSq", "0"],
      ["other", "", "count", "0"],
    ])
    await store.reset()
    expect(await compare()).toMatchObject({ equal: true, events: 0 })
  })

  it("says what a store lacks that has folded nothing of a log", async () => {
    const { store, compare } = await given(2)
    await store.reset()
    expect(await compare()).toMatchObject({ equal: true, unfolded: 3 })
  })
})
