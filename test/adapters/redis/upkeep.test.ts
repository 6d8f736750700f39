import { describe, expect, it } from "vitest"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { countedIn } from "#test/contract/opened-store.ts"
import { batchOf, place } from "#test/fold-batch.ts"
import { ALL_OF_CHAMPION, decisionEvent, NOON, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { SuiteRedis } from "./suite-redis.ts"

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

describe("given counters in Redis that get old", () => {
  const redis = new SuiteRedis()

  const fields = async (pattern: string) => {
    const keys = await redis.server.admin.keys(pattern)
    return (await Promise.all(keys.map((key) => redis.server.admin.hlen(key)))).reduce((sum, count) => sum + count, 0)
  }
  /** Every half minute, but nobody waits for it here. */
  const tidyUp = async (store: ReturnType<typeof createRedisCounterStore>) => {
    await redis.server.admin.del("bandit:{banner-ctr}:tidied")
    await store.tidyUp()
  }

  it("makes them wider without changing what they say, and forgets delays", async () => {
    const clock = new SharedClock()
    const store = createRedisCounterStore(redis.clients, clock, createRememberingLogger())
    const events = Array.from({ length: 120 }, (_, index) => {
      const decidedAt = NOON - index * 1000
      const shared = {
        decisionId: `D${index}`,
        decidedAt,
        group: index % 64,
        unit: `unit-of-D${index}`.padEnd(22, "x"),
      }
      return [decisionEvent(shared), rewardEvent({ ...shared, delayWindowSeconds: 600 })]
    }).flat()
    await store.fold(batchOf(events, { end: place(1) }))
    const before = await countedIn(store)
    const fine = await fields("bandit:{banner-ctr}:c:learned:champion:1::*")
    clock.pass(2 * HOUR_MS)
    await tidyUp(store)
    const wide = await fields("bandit:{banner-ctr}:c:learned:champion:1::*")
    expect(wide).toBeLessThan(fine / 10)
    const withoutDelays = (counted: typeof before) => new Map([...counted].filter(([name]) => !name.includes("@")))
    expect(withoutDelays(await countedIn(store))).toEqual(withoutDelays(before))
    expect(await fields("bandit:{banner-ctr}:c:*@*")).toBe(0)
    const { variants } = await store.statistics("banner-ctr", ALL_OF_CHAMPION)
    expect(variants).toMatchObject([{ n: 120, sum: 120 }])

    clock.pass(120 * DAY_MS)
    await store.alive("L1", clock.now())
    await tidyUp(store)
    const { rows, sketches } = await store.groups("banner-ctr")
    expect(new Set(rows.map(({ widthSeconds }) => widthSeconds))).toEqual(new Set([30 * 86_400]))
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(240)
    expect(sketches.map(({ day }) => new Date(day * 1000).toISOString())).toEqual(["2026-11-01T00:00:00.000Z"])
    expect((await store.statistics("banner-ctr", ALL_OF_CHAMPION)).variants).toMatchObject([{ n: 120, sum: 120 }])
  })

  it("keeps counters in memory that are asked for, and reads those anew that nobody has asked for in ten minutes", async () => {
    const clock = new SharedClock()
    const store = createRedisCounterStore(redis.clients, clock, createRememberingLogger())
    // As old as this, they are as wide as they get: nothing but the asking changes.
    await store.fold(batchOf([decisionEvent({ decidedAt: NOON - 10 * DAY_MS })], { end: place(1) }))
    const reads = async () => {
      const { admin } = redis.server
      const calls = async () => Number(/cmdstat_hgetall:calls=(\d+)/.exec(await admin.info("commandstats"))?.[1] ?? 0)
      const before = await calls()
      const { variants } = await store.statistics("banner-ctr", { ...ALL_OF_CHAMPION, now: clock.now() })
      expect(variants).toMatchObject([{ n: 1 }])
      return (await calls()) - before
    }
    const whole = await reads()
    const remembered = await reads()
    expect(remembered).toBeLessThan(whole)
    const passTenMinutes = async () => {
      clock.pass(600_000)
      await tidyUp(store)
    }
    for (let minutes = 0; minutes < 60; minutes += 10) {
      await passTenMinutes()
      expect(await reads()).toBe(remembered)
    }
    await passTenMinutes()
    await passTenMinutes()
    expect(await reads()).toBe(whole)
    expect(await reads()).toBe(remembered)
  })

  it("forgets credits a day after the last token of their hour, and refuses what comes for them later", async () => {
    const clock = new SharedClock()
    const store = createRedisCounterStore(redis.clients, clock, createRememberingLogger())
    await store.fold(batchOf([rewardEvent()], { end: place(1) }))
    const credits = async () => await fields("bandit:{banner-ctr}:k:*")
    expect(await credits()).toBe(1)
    clock.pass(25 * HOUR_MS)
    await store.alive("L1", clock.now())
    await tidyUp(store)
    expect(await credits()).toBe(1)
    clock.pass(2 * HOUR_MS)
    await tidyUp(store)
    // Folded up to two hours ago only.
    expect(await credits()).toBe(1)
    await store.alive("L1", clock.now())
    await tidyUp(store)
    expect(await credits()).toBe(0)
    expect(await store.seen([rewardEvent()])).toEqual([false])
    const late = batchOf([rewardEvent()], { log: "L2", end: place(1) })
    expect(await store.fold(late)).toEqual({ status: "lapsed" })
    const living = { decisionId: "D2", decidedAt: clock.now() }
    expect(await store.fold(batchOf([rewardEvent(living)], { from: place(1), end: place(2) }))).toMatchObject({
      status: "folded",
    })
  })
})
