import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { check, rebuild, recover } from "#src/app/rebuild.ts"
import { decisionEvent, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const quiet = () => {}

/** A log of `count` decisions, each second one rewarded, and a store that has folded nothing. */
function given(count: number) {
  const folder = temporaryFolder()
  const path = join(folder, "outcomes-00000001.ndjson")
  writeFileSync(path, "")
  const write = (from: number, until: number): void => {
    for (let index = from; index < until; index++) {
      appendFileSync(path, `${JSON.stringify(decisionEvent({ decisionId: `D${index}` }))}\n`)
      if (index % 2 === 0) appendFileSync(path, `${JSON.stringify(rewardEvent({ decisionId: `D${index}` }))}\n`)
    }
  }
  write(0, count)
  const deps = {
    reader: createOutcomeReader(folder),
    store: createMemoryCounterStore(),
    logger: createRememberingLogger(),
  }
  const counted = async () =>
    (await deps.store.contents()).cells.map(({ decisions, rewards }) => ({ decisions, rewards }))
  const compare = () => check({ reader: deps.reader, archive: deps.store }, quiet)
  return { ...deps, path, write, counted, compare, deps }
}

describe("given a start", () => {
  it("folds the whole log into a store that has nothing", async () => {
    const { deps, counted } = given(10)
    expect(await recover(deps)).toEqual({ events: 15, skipped: 0, rebuilt: false })
    expect(await counted()).toEqual([{ decisions: 10, rewards: 5 }])
  })

  it("folds only what came after the stored position", async () => {
    const { deps, write, counted } = given(10)
    await recover(deps)
    expect(await recover(deps)).toMatchObject({ events: 0 })
    write(10, 14)
    expect(await recover(deps)).toEqual({ events: 6, skipped: 0, rebuilt: false })
    expect(await counted()).toEqual([{ decisions: 14, rewards: 7 }])
  })

  it("folds everything anew when the log ends before the stored position", async () => {
    const { deps, path, counted, logger } = given(10)
    await recover(deps)
    truncateSync(path, statSync(path).size - 10)
    expect(await recover(deps)).toMatchObject({ rebuilt: true, events: 14 })
    expect(await counted()).toEqual([{ decisions: 9, rewards: 5 }])
    expect(logger.messages.some((message) => message.startsWith("warn"))).toBe(true)
  })

  it("skips damaged lines and counts them", async () => {
    const { deps, path, counted } = given(4)
    const lines = readFileSync(path, "utf8").split("\n")
    lines[0] = "\0".repeat(40)
    writeFileSync(path, lines.join("\n"))
    expect(await recover(deps)).toMatchObject({ events: 5, skipped: 1 })
    expect(await counted()).toEqual([{ decisions: 3, rewards: 2 }])
  })

  it("starts without any log", async () => {
    const { store, logger } = given(0)
    const reader = createOutcomeReader(join(temporaryFolder(), "none"))
    expect(await recover({ reader, store, logger })).toEqual({ events: 0, skipped: 0, rebuilt: false })
  })
})

describe("given a rebuild", () => {
  it("replaces whatever the counters were", async () => {
    const { deps, counted, compare, store } = given(10)
    await recover(deps)
    const key = { experiment: "banner-ctr", variant: "ghost", metric: "click", bucket: 0 }
    const wrong = { key, delta: { decisions: 7, rewards: 0, sum: 0, sumSq: 0 } }
    await store.fold({ decisions: [wrong], rewards: [], end: { file: 9, offset: 0 } })
    const progress: number[] = []
    expect(await rebuild(deps, ({ events }) => progress.push(events))).toEqual({ events: 15, skipped: 0 })
    expect(progress.at(-1)).toBe(15)
    expect(await counted()).toEqual([{ decisions: 10, rewards: 5 }])
    expect(await compare()).toMatchObject({ equal: true })
  })

  it("gives the same counters however often it is repeated", async () => {
    const { deps, store } = given(10)
    await rebuild(deps, quiet)
    const once = await store.contents()
    await rebuild(deps, quiet)
    expect(await store.contents()).toEqual(once)
  })
})

describe("given a check", () => {
  it("finds the counters equal and changes nothing", async () => {
    const { deps, store, compare } = given(10)
    await recover(deps)
    const before = await store.contents()
    expect(await compare()).toEqual({ events: 15, skipped: 0, equal: true, differences: [], unfolded: 0 })
    expect(await store.contents()).toEqual(before)
  })

  it("compares up to the stored position and says what waits", async () => {
    const { deps, write, compare } = given(10)
    await recover(deps)
    write(10, 12)
    expect(await compare()).toMatchObject({ events: 15, equal: true, unfolded: 3 })
  })

  it("names each counter that differs, with both values", async () => {
    const { deps, path, compare } = given(10)
    await recover(deps)
    const changed = readFileSync(path, "utf8").replaceAll('"value":1,', '"value":2,')
    writeFileSync(path, changed)
    const place = { experiment: "banner-ctr", variant: "champion", metric: "click", hour: "2026-11-20T12:00:00.000Z" }
    expect(await compare()).toMatchObject({
      equal: false,
      differences: [
        { ...place, counter: "sum", store: "5000000", log: "10000000" },
        { ...place, counter: "sumSq", store: "5000000", log: "20000000" },
      ],
    })
  })

  it("differs when the log has lost lines, when the store has lost counters, and when it has too many", async () => {
    const { deps, path, compare, store } = given(10)
    await recover(deps)
    await store.fold({
      decisions: [
        {
          key: { experiment: "other", variant: "a", metric: "click", bucket: 3_600 },
          delta: { decisions: 1, rewards: 0, sum: 0, sumSq: 0 },
        },
      ],
      rewards: [],
      end: { file: 1, offset: 10_000_000 },
    })
    truncateSync(path, 0)
    const lost = await compare()
    expect(lost.differences.map(({ experiment, counter, log }) => [experiment, counter, log])).toEqual([
      ["banner-ctr", "decisions", "0"],
      ["banner-ctr", "rewards", "0"],
      ["banner-ctr", "sum", "0"],
      ["banner-ctr", "sumSq", "0"],
      ["other", "decisions", "0"],
    ])
    await store.reset()
    expect(await compare()).toMatchObject({ equal: true, events: 0 })
  })

  it("differs when a store has folded nothing of a log that has something", async () => {
    const { compare } = given(2)
    expect(await compare()).toMatchObject({ equal: false, events: 3 })
  })
})
