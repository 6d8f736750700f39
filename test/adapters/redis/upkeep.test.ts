import { describe, expect, it } from "vitest"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { LOSS_WAITS } from "#src/adapters/redis/losses.ts"
import { GatewayLog } from "#test/contract/gateway-log.ts"
import { countedIn } from "#test/contract/opened-store.ts"
import { batchOf, place } from "#test/fold-batch.ts"
import { ALL_OF_CHAMPION, decisionEvent, NOON, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { SuiteRedis } from "./suite-redis.ts"

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Nobody has a checkpoint here: nothing is waited for before the logs are folded again. */
const NO_CHECKPOINT = { ...LOSS_WAITS, checkpointMs: 0 }

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

  const rewards = async (store: ReturnType<typeof createRedisCounterStore>) => {
    const { cells } = await store.contents()
    return cells.reduce((sum, { metric, count }) => sum + (metric === "click" ? count : 0), 0)
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

  it("forgets credits a day after the last token of their hour, and counts nothing that comes for them later", async () => {
    const clock = new SharedClock()
    const logger = createRememberingLogger()
    const store = createRedisCounterStore(redis.clients, clock, logger)
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
    const living = rewardEvent({ decisionId: "D2", decidedAt: clock.now() })
    // What comes with it is counted: a log whose lines wait for each other would never be folded again.
    const late = batchOf([rewardEvent(), living], { log: "L2", end: place(1) })
    const folded = { status: "folded", answers: ["duplicate", "applied"] }
    expect(await store.fold(late)).toEqual(folded)
    expect(await store.fold(late)).toEqual(folded)
    expect(logger.messages.filter((message) => message.includes("aren't counted"))).toHaveLength(1)
    expect(await rewards(store)).toBe(2)
    expect(await credits()).toBe(1)
    expect(await store.seen([rewardEvent(), living])).toEqual([false, true])
  })

  it("brings back the credits of living tokens that stand in the log between those of dead ones", async () => {
    const clock = new SharedClock()
    const store = createRedisCounterStore(redis.clients, clock, createRememberingLogger())
    const dead = rewardEvent()
    await store.fold(batchOf([dead], { end: place(1) }))
    clock.pass(27 * HOUR_MS)
    await store.alive("L1", clock.now())
    await tidyUp(store)
    const living = rewardEvent({ decisionId: "D2", expiresAt: clock.now() + 30 * DAY_MS, metric: "sale" })
    await store.remember([dead, living])
    expect(await store.seen([living])).toEqual([true])
  })

  it("forgets no credits while counters are folded again that were lost: the log has them yet", async () => {
    const clock = new SharedClock()
    const gateway = () => createRedisCounterStore(redis.clients, clock, createRememberingLogger(), NO_CHECKPOINT)
    const [a, b] = [gateway(), gateway()]
    const hours = (first: number, count: number) =>
      Array.from({ length: count }, (_, index) => {
        return rewardEvent({ decisionId: `D${first + index}`, decidedAt: NOON + (first + index) * HOUR_MS })
      })
    const log = new GatewayLog("A").append(...hours(0, 40))
    clock.pass(40 * HOUR_MS)
    await log.catchUp(a)
    await a.alive("A", clock.now())
    await b.alive("B", clock.now())
    await tidyUp(b)
    await redis.server.admin.flushall()
    await a.statistics("banner-ctr", ALL_OF_CHAMPION).catch(() => {})
    // The first half is folded again, and has been dead for a day.
    expect(await log.catchUp(a, 5)).toBe("caught up")
    await a.alive("A", clock.now())
    await b.alive("B", clock.now())
    await tidyUp(b)
    expect(await log.catchUp(a)).toBe("caught up")
    expect(await rewards(a)).toBe(40)
    // Everything is there again: from now on they go.
    await tidyUp(b)
    expect(await a.seen(hours(0, 40))).toEqual(hours(0, 40).map((_, index) => index >= 14))
  })

  it("waits for a log whose lines are not folded yet though Redis has forgotten that there is one", async () => {
    const clock = new SharedClock()
    const [a, away] = [1, 2].map(() => createRedisCounterStore(redis.clients, clock, createRememberingLogger()))
    if (a === undefined || away === undefined) throw new Error("there are two")
    await away.alive("B", clock.now())
    await a.fold(batchOf([rewardEvent()], { log: "A", end: place(1) }))
    clock.pass(3 * DAY_MS)
    await tidyUp(a)
    await redis.server.admin.del("bandit:{logs}:seen")
    await a.alive("A", clock.now())
    await tidyUp(a)
    expect(await away.seen([rewardEvent()])).toEqual([true])
    // After a week without a word it is waited for no longer.
    clock.pass(5 * DAY_MS)
    await a.alive("A", clock.now())
    await tidyUp(a)
    expect(await away.seen([rewardEvent()])).toEqual([false])
  })
})
