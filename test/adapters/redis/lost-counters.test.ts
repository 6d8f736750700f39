import { describe, expect, it } from "vitest"
import { createRedisAllocationStore } from "#src/adapters/redis/allocation-store.ts"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { LOSS_WAITS } from "#src/adapters/redis/losses.ts"
import { GatewayLog } from "#test/contract/gateway-log.ts"
import { countedIn } from "#test/contract/opened-store.ts"
import { ALL_OF_CHAMPION, decisionEvent, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { SuiteRedis } from "./suite-redis.ts"

/** Nobody has a checkpoint here: nothing is waited for before the logs are folded again. */
const NO_CHECKPOINT = { ...LOSS_WAITS, checkpointMs: 0 }

const ALLOCATION = { revision: 1, stateVersion: 3, allocation: [0.25, 0.75], reasons: ["policy", "policy"] } as const

describe("given a Redis that is emptied under two gateways", () => {
  const redis = new SuiteRedis()

  const gateway = () =>
    createRedisCounterStore(redis.clients, new SharedClock(), createRememberingLogger(), NO_CHECKPOINT)

  it("gives no statistics until both logs are folded again, and then the same ones", async () => {
    const a = new GatewayLog("A").append(decisionEvent({ decisionId: "a1" }), rewardEvent({ decisionId: "a1" }))
    const b = new GatewayLog("B").append(decisionEvent({ decisionId: "b1" }), rewardEvent({ decisionId: "a1" }))
    const [first, second] = [gateway(), gateway()]
    await a.catchUp(first)
    await b.catchUp(second)
    const statistics = async (store: ReturnType<typeof gateway>) =>
      (await store.statistics("banner-ctr", ALL_OF_CHAMPION)).variants
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
})
