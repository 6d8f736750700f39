import { describe, expect, it } from "vitest"
import { createRedisAllocationStore } from "#src/adapters/redis/allocation-store.ts"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { LOSS_WAITS } from "#src/adapters/redis/losses.ts"
import { GatewayLog } from "#test/contract/gateway-log.ts"
import { countedIn } from "#test/contract/opened-store.ts"
import { ALL_OF_CHAMPION, decisionEvent, NOON, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { happensBefore } from "./happens-before.ts"
import { SuiteRedis } from "./suite-redis.ts"

/** Nobody has a checkpoint here: nothing is waited for before the logs are folded again. */
const NO_CHECKPOINT = { ...LOSS_WAITS, checkpointMs: 0 }

const DAY_MS = 86_400_000

const ALLOCATION = { revision: 1, stateVersion: 3, allocation: [0.25, 0.75], reasons: ["policy", "policy"] } as const

describe("given a Redis that is emptied under two gateways", () => {
  const redis = new SuiteRedis()

  const gateway = () =>
    createRedisCounterStore(redis.clients, new SharedClock(), createRememberingLogger(), NO_CHECKPOINT)

  const statistics = async (store: ReturnType<typeof gateway>) =>
    (await store.statistics("banner-ctr", ALL_OF_CHAMPION)).variants

  it("gives no statistics until both logs are folded again, and then the same ones", async () => {
    const a = new GatewayLog("A").append(decisionEvent({ decisionId: "a1" }), rewardEvent({ decisionId: "a1" }))
    const b = new GatewayLog("B").append(decisionEvent({ decisionId: "b1" }), rewardEvent({ decisionId: "a1" }))
    const [first, second] = [gateway(), gateway()]
    await a.catchUp(first)
    await b.catchUp(second)
    const before = await statistics(first)
    expect(await statistics(second)).toEqual(before)
    const counted = await countedIn(first)
    const allocations = createRedisAllocationStore(redis.clients.reading)
    const { mark } = await allocations.read("banner-ctr")
    expect(await allocations.publish("banner-ctr", ALLOCATION, mark)).toBe(true)

    await redis.server.admin.flushall()
    await expect(statistics(first)).rejects.toMatchObject({ code: "store_unavailable" })
    await expect(statistics(second)).rejects.toMatchObject({ code: "store_unavailable" })
    // Nobody publishes an allocation of counters that are not whole, not even one that knows nothing of the loss.
    const lost = await allocations.read("banner-ctr")
    expect(lost.allocation).toBeUndefined()
    expect(await allocations.publish("banner-ctr", ALLOCATION, lost.mark)).toBe(false)
    await expect(statistics(gateway())).rejects.toMatchObject({ code: "store_unavailable" })
    expect(await a.fold(first, 1, 2)).toEqual({ status: "elsewhere", position: undefined })
    expect(await a.catchUp(first)).toBe("caught up")
    await expect(statistics(first)).rejects.toThrow(/not yet all of the logs B/)
    await expect(statistics(second)).rejects.toThrow(/not yet all of the logs B/)
    expect(await b.catchUp(second)).toBe("caught up")
    expect(await statistics(first)).toEqual(before)
    expect(await statistics(second)).toEqual(before)
    expect(await countedIn(first)).toEqual(counted)
  })

  it("knows of them from its start on, before it has folded anything", async () => {
    const log = new GatewayLog("A").append(decisionEvent())
    await log.catchUp(gateway())
    const starting = gateway()
    expect(await starting.positions("B")).toEqual(new Map())
    await redis.server.admin.flushall()
    await expect(statistics(starting)).rejects.toThrow(/not yet all of the logs A/)
  })

  it("knows of them once a fold was refused, as far as all logs were folded", async () => {
    await new GatewayLog("A").append(decisionEvent()).catchUp(gateway())
    const starting = gateway()
    const b = new GatewayLog("B").append(decisionEvent({ decisionId: "b1" }), decisionEvent({ decisionId: "b2" }))
    expect(await b.fold(starting, 1, 2)).toEqual({ status: "elsewhere", position: undefined })
    await redis.server.admin.flushall()
    await expect(statistics(starting)).rejects.toThrow(/not yet all of the logs A/)
  })

  it("knows of them where they were lost a second time, and it was started in between", async () => {
    const noted = gateway()
    await new GatewayLog("A").append(decisionEvent()).catchUp(noted)
    await redis.server.admin.flushall()
    await expect(statistics(noted)).rejects.toThrow(/not yet all of the logs A/)
    const starting = gateway()
    expect(await starting.positions("B")).toEqual(new Map())
    await redis.server.admin.flushall()
    await expect(statistics(starting)).rejects.toThrow(/not yet all of the logs A/)
  })

  it.each([
    ["before it has read any", false],
    ["once it has read some", true],
  ])("gives no statistics that it read while they went, %s", async (_, hasRead) => {
    const log = new GatewayLog("A").append(decisionEvent({ decisionId: "a1" }), decisionEvent({ decisionId: "a2" }))
    await log.catchUp(gateway(), 1)
    // What there is to be read is read first, and then the counters.
    const reading = happensBefore(redis.clients.reading, "pipeline", hasRead ? 5 : 2, () =>
      redis.server.admin.flushall(),
    )
    const clients = { folding: redis.clients.folding, reading }
    const store = createRedisCounterStore(clients, new SharedClock(), createRememberingLogger(), NO_CHECKPOINT)
    if (hasRead) await statistics(store)
    await log.catchUp(gateway())
    await expect(statistics(store)).rejects.toThrow(/not yet all of the logs A/)
  })

  it("says that they were lost also where it has made them and knows nothing else of them", async () => {
    const log = new GatewayLog("A").append(decisionEvent({ decisionId: "a1" }), decisionEvent({ decisionId: "a2" }))
    const only = gateway()
    await log.catchUp(only, 1)
    await redis.server.admin.flushall()
    expect(await log.fold(only, 1, 2)).toEqual({ status: "elsewhere", position: undefined })
    await expect(statistics(gateway())).rejects.toThrow("not yet all of the logs A")
    expect(await log.catchUp(only)).toBe("caught up")
    expect(await statistics(gateway())).toMatchObject([{ n: 2 }])
  })

  it.each([0, 1])(
    "keeps counters as fine as was said before, also where it took %s tries to say it again",
    async (cuts) => {
      const events = Array.from({ length: 60 }, (_, index) =>
        decisionEvent({ decisionId: `a${index}`, decidedAt: NOON - 3 * DAY_MS + index * 1_000 }),
      )
      const log = new GatewayLog("A").append(...events)
      let left = 0
      const hset = async (...given: [string, string, string]) => {
        if (left-- > 0) throw new Error("the way to Redis was cut")
        return await redis.clients.folding.hset(...given)
      }
      const folding = Object.assign(Object.create(redis.clients.folding), { hset })
      const keeper = createRedisCounterStore(
        { ...redis.clients, folding },
        new SharedClock(),
        createRememberingLogger(),
        NO_CHECKPOINT,
      )
      const folder = gateway()
      await keeper.keep("banner-ctr", { memorySeconds: 60, forgottenAfterSeconds: 10 * 86_400, maturationSeconds: 0 })
      await log.catchUp(folder)
      for (const store of [keeper, folder]) await statistics(store)
      const widths = async () => new Set((await folder.contents()).cells.map(({ widthSeconds }) => widthSeconds))
      const before = await widths()
      left = cuts
      await redis.server.admin.flushall()
      // Nobody has said how fine the new counters have to stay when this one looks at them first.
      expect(await log.fold(folder, 59, 60)).toEqual({ status: "elsewhere", position: undefined })
      for (let tries = 0; tries <= cuts; tries++) await statistics(keeper).catch(() => {})
      await log.catchUp(folder)
      expect(await widths()).toEqual(before)
      expect(before).toEqual(new Set([1]))
    },
  )
})
