import { describe, expect, it, onTestFinished } from "vitest"
import { connect, untilReady } from "#src/adapters/redis/connection.ts"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { LOSS_WAITS } from "#src/adapters/redis/losses.ts"
import { GatewayLog } from "#test/contract/gateway-log.ts"
import { ALL_OF_CHAMPION, decisionEvent, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { addressOf, startRedis } from "./redis-servers.ts"
import { SuiteRedis } from "./suite-redis.ts"

const ALL = { ...ALL_OF_CHAMPION, series: { champion: 1, challenger: 1 } }

const challenger = (decisionId: string) => decisionEvent({ decisionId, variant: "challenger" })

describe("given a Redis that comes back with older data under the same mark", () => {
  const redis = new SuiteRedis()

  const gateway = (waits = LOSS_WAITS) =>
    createRedisCounterStore(redis.clients, new SharedClock(), createRememberingLogger(), waits)

  type Gateway = ReturnType<typeof gateway>

  const decisions = async (store: Gateway) => {
    const { variants, partial = [] } = await store.statistics("banner-ctr", ALL)
    return {
      champion: 0,
      challenger: 0,
      ...Object.fromEntries(variants.map(({ variant, n }) => [variant, n])),
      partial,
    }
  }

  const packed = async (store: Gateway) => Buffer.from((await store.pack()).bytes).toString()

  it("reads what is counted afterwards, also where there have been as many changes by then as were known", async () => {
    const a = new GatewayLog("A").append(...["a1", "a2", "a3", "a4"].map((decisionId) => decisionEvent({ decisionId })))
    const b = new GatewayLog("B").append(challenger("b1"))
    const [first, second, reader] = [gateway(), gateway(), gateway()]
    await a.catchUp(first, 1)
    const comeBack = await redis.save()
    await a.fold(first, 1, 2)
    await a.fold(first, 2, 3)
    expect(await decisions(reader)).toEqual({ champion: 3, challenger: 0, partial: [] })
    await packed(reader)

    await comeBack()
    await b.catchUp(second)
    for (const line of [2, 3, 4]) await a.catchUp(first, line)
    expect(await decisions(reader)).toEqual({ champion: 4, challenger: 1, partial: [] })
    expect(await decisions(reader)).toEqual(await decisions(gateway()))
    const headless = (text: string) => text.split("\n").filter((line) => !line.includes("mark"))
    expect(headless(await packed(reader))).toEqual(headless(await packed(gateway())))
  })

  it("gives no statistics until the logs are folded as far again", async () => {
    const a = new GatewayLog("A").append(decisionEvent({ decisionId: "a1" }), rewardEvent({ decisionId: "a1" }))
    const [first, reader] = [gateway(), gateway()]
    await a.catchUp(first, 1)
    const comeBack = await redis.save()
    await a.catchUp(first)
    const before = await decisions(reader)
    await comeBack()
    await expect(decisions(reader)).rejects.toThrow("not yet all of the logs A")
    await expect(packed(reader)).rejects.toThrow("not yet all of the logs A")
    // Nothing is waited for before it is folded.
    expect(await a.catchUp(first)).toBe("caught up")
    expect(await decisions(reader)).toEqual(before)
    expect(await reader.losses()).toEqual([])
  })

  it("names what it lacks of a log whose gateway is gone, and is whole once that is folded", async () => {
    const a = new GatewayLog("A").append(decisionEvent({ decisionId: "a1" }), decisionEvent({ decisionId: "a2" }))
    const gone = new GatewayLog("gone").append(challenger("b1"), challenger("b2"))
    const waits = { ...LOSS_WAITS, logsMs: 0 }
    const [first, second, reader] = [gateway(waits), gateway(), gateway(waits)]
    await a.catchUp(first, 1)
    const comeBack = await redis.save()
    await a.catchUp(first)
    await gone.catchUp(second)
    expect(await decisions(reader)).toEqual({ champion: 2, challenger: 2, partial: [] })
    await comeBack()
    await a.catchUp(first)
    expect(await decisions(reader)).toEqual({ champion: 2, challenger: 0, partial: ["gone"] })
    expect(await decisions(gateway())).toEqual({ champion: 2, challenger: 0, partial: ["gone"] })
    expect((await reader.losses()).map(({ missing }) => [...missing])).toEqual([[["gone", gone.position(2)]]])
    await gone.catchUp(gateway())
    expect(await decisions(reader)).toEqual({ champion: 2, challenger: 2, partial: [] })
  })

  it("waits for the logs anew where they had been waited for in vain before", async () => {
    const lines = ["a1", "a2"].map((decisionId) => decisionEvent({ decisionId }))
    const [a, gone] = [new GatewayLog("A").append(...lines), new GatewayLog("gone").append(challenger("b1"))]
    const [impatient, reader] = [gateway({ ...LOSS_WAITS, checkpointMs: 0, logsMs: 0 }), gateway()]
    await a.catchUp(impatient, 1)
    await gone.catchUp(impatient)
    await redis.server.admin.flushall()
    await expect(impatient.losses()).resolves.toHaveLength(1)
    await a.catchUp(impatient, 1)
    expect(await decisions(reader)).toEqual({ champion: 1, challenger: 0, partial: ["gone"] })
    const comeBack = await redis.save()
    await a.catchUp(impatient)
    expect(await decisions(reader)).toEqual({ champion: 2, challenger: 0, partial: ["gone"] })
    await comeBack()
    await expect(decisions(reader)).rejects.toThrow("not yet all of the logs")
    await a.catchUp(impatient)
  })

  it("takes a replica that lags behind for no loss, and answers from it however fast the logs are folded meanwhile", async () => {
    const lines = Array.from({ length: 2_000 }, (_, index) => decisionEvent({ decisionId: `a${index}` }))
    const a = new GatewayLog("A").append(...lines)
    await a.catchUp(gateway(), 1)
    const behind = await startRedis([`replicaof 127.0.0.1 ${redis.server.port}`, "repl-diskless-sync-delay 0"])
    onTestFinished(() => behind.stop())
    await expect.poll(() => behind.admin.info("replication"), { timeout: 20_000 }).toContain("master_link_status:up")
    await behind.admin.replicaof("NO", "ONE")
    const reading = connect(addressOf(behind), 5_000, createRememberingLogger())
    onTestFinished(() => reading.disconnect())
    await untilReady(reading, 5_000)
    const clients = { folding: redis.clients.folding, reading }
    const store = createRedisCounterStore(clients, new SharedClock(), createRememberingLogger())
    await a.catchUp(store, 2)
    let line = 2
    const asked = { isAnswered: false }
    const answer = decisions(store).finally(() => {
      asked.isAnswered = true
    })
    while (!asked.isAnswered && line < lines.length) await a.fold(store, line, ++line)
    expect(line).toBeLessThan(lines.length)
    expect(await answer).toEqual({ champion: 1, challenger: 0, partial: [] })
    expect(await decisions(gateway())).toEqual({ champion: line, challenger: 0, partial: [] })
  })

  it("takes no log for lapsed that a gateway has folded meanwhile, where the data is of last week", async () => {
    const clock = new SharedClock()
    const store = createRedisCounterStore(redis.clients, clock, createRememberingLogger())
    const a = new GatewayLog("A").append(...["a1", "a2", "a3"].map((decisionId) => decisionEvent({ decisionId })))
    await a.catchUp(store, 1)
    const comeBack = await redis.save()
    for (let day = 0; day < 10; day++) {
      clock.pass(86_400_000)
      expect(await store.alive("A", clock.now())).toEqual({ lapsed: false })
    }
    await a.catchUp(store, 2)
    await comeBack()
    clock.pass(120_000)
    expect(await store.alive("A", clock.now())).toEqual({ lapsed: false })
    expect(await a.catchUp(store)).toBe("caught up")
    expect(await decisions(store)).toEqual({ champion: 3, challenger: 0, partial: [] })
  })

  it("is told by a checkpoint, where all gateways were started anew meanwhile", async () => {
    const a = new GatewayLog("A").append(decisionEvent({ decisionId: "a1" }), decisionEvent({ decisionId: "a2" }))
    const before = gateway()
    await a.catchUp(before, 1)
    const comeBack = await redis.save()
    await a.catchUp(before)
    const checkpoint = await before.contents()
    await comeBack()
    const after = gateway()
    after.know(checkpoint)
    await expect(decisions(after)).rejects.toThrow("not yet all of the logs A")
    // Behind a checkpoint they are others, so that it is restored.
    expect(after.markOf("banner-ctr")).not.toBe(before.markOf("banner-ctr"))
    await expect(a.catchUp(after)).rejects.toThrow("nothing is folded until then")
  })
})
