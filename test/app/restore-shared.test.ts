import * as fc from "fast-check"
import { describe, expect, it, onTestFinished } from "vitest"
import { createRedisAllocationStore } from "#src/adapters/redis/allocation-store.ts"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { countGoneLogs } from "#src/app/count-gone-logs.ts"
import { SharedRestore } from "#src/app/restore-shared.ts"
import { GatewayError } from "#src/domain/errors.ts"
import { connectClients } from "#test/adapters/redis/connected.ts"
import { startCluster } from "#test/adapters/redis/redis-servers.ts"
import { SuiteRedis } from "#test/adapters/redis/suite-redis.ts"
import { countedIn } from "#test/contract/opened-store.ts"
import { ALL_OF_CHAMPION, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { loggedBy, SharedGateway, untilWhole } from "./shared-gateway.ts"

const ALLOCATION = { revision: 1, stateVersion: 3, allocation: [0.25, 0.75], reasons: ["policy", "policy"] } as const

describe("given a Redis that is emptied under gateways with checkpoints", () => {
  const redis = new SuiteRedis()

  async function started(waits: ConstructorParameters<typeof SharedGateway>[1] = {}, count = 2) {
    const gateways: SharedGateway[] = []
    for (let index = 0; index < count; index++) gateways.push(await new SharedGateway(redis.clients, waits).start())
    onTestFinished(async () => void (await Promise.all(gateways.map((gateway) => gateway.stop()))))
    return gateways as [SharedGateway, SharedGateway, ...SharedGateway[]]
  }

  /** One gateway with a log of several files and a checkpoint of it. */
  async function checkpointed() {
    const [a] = await started({}, 1)
    for (let index = 0; index < 30; index++) {
      a.take(`a${index}`)
      if (index % 5 === 0) await a.flush()
    }
    await a.checkpoint()
    return { a, before: await countedIn(a.store) }
  }

  const statistics = async ({ store }: SharedGateway) => await store.statistics("banner-ctr", ALL_OF_CHAMPION)

  it("restores the newest checkpoint, whoever looks first, and folds the logs on from there", async () => {
    const [a, b] = await started()
    a.take("a1")
    b.take("b1")
    await b.flush()
    await a.checkpoint()
    a.take("a2")
    b.take("b2")
    await a.flush()
    await b.checkpoint()
    a.take("a3")
    b.take("b3")
    await Promise.all([a.flush(), b.flush()])
    const before = await countedIn(a.store)
    const { stateVersion, variants } = await statistics(a)
    await redis.server.admin.flushall()
    await a.look()
    expect(a.logger.messages).toContain("warn: counters that were lost are restored from a checkpoint")
    await b.look()
    expect(b.logger.messages).toContain("warn: counters that were lost are restored from a checkpoint")
    await expect(statistics(a)).rejects.toMatchObject({ code: "store_unavailable" })
    await untilWhole([a, b])
    expect(await countedIn(b.store)).toEqual(before)
    expect(await statistics(b)).toMatchObject({ variants })
    expect((await statistics(b)).stateVersion).toBeGreaterThan(stateVersion - 2)
    // What was rewarded before the checkpoint is a duplicate at any gateway.
    expect(await b.recorder.recordRewards([rewardEvent({ decisionId: "a1" })])).toEqual(["duplicate"])
    expect(await countedIn(a.store)).toEqual(before)
  })

  it("folds nothing before the credits of all logs are back, and gives no allocation meanwhile", async () => {
    const [a, b] = await started()
    const allocations = createRedisAllocationStore(redis.clients.reading, a.store.markOf)
    a.take("a1")
    b.take("b1")
    await b.flush()
    await a.checkpoint()
    const { mark } = await allocations.read("banner-ctr")
    expect(await allocations.publish("banner-ctr", ALLOCATION, mark)).toBe(true)
    await redis.server.admin.flushall()
    // One that knows nothing of the loss folds, and publishes what it makes of that. Nobody follows.
    const newcomer = await new SharedGateway(redis.clients).start()
    onTestFinished(() => newcomer.stop())
    newcomer.take("n1")
    await newcomer.flush()
    const cold = createRedisAllocationStore(redis.clients.reading, newcomer.store.markOf)
    expect(await cold.publish("banner-ctr", ALLOCATION, (await cold.read("banner-ctr")).mark)).toBe(true)
    expect((await cold.read("banner-ctr")).allocation).toEqual(ALLOCATION)
    expect((await allocations.read("banner-ctr")).allocation).toBeUndefined()

    await a.look()
    a.reward({ decisionId: "b1" })
    expect(await a.flush()).toBe(false)
    expect(a.sharing.losses).toMatchObject([{ experiment: "banner-ctr", isAwaited: true }])
    expect([...(a.sharing.losses[0]?.owed.keys() ?? [])]).toEqual([b.log.id])
    expect((await cold.read("banner-ctr")).allocation).toBeUndefined()
    expect(await cold.publish("banner-ctr", ALLOCATION, (await cold.read("banner-ctr")).mark)).toBe(false)
    await expect(statistics(newcomer)).rejects.toThrow(b.log.id)
    await untilWhole([a, b, newcomer])
    expect(await countedIn(a.store)).toEqual(await loggedBy([a, b, newcomer]))
  })

  it("restores them when all gateways start again, and begins nothing anew", async () => {
    const [a, b] = await started()
    a.take("a1")
    b.take("b1")
    await b.flush()
    await a.checkpoint()
    b.take("b2")
    await b.flush()
    const before = await countedIn(a.store)
    await Promise.all([a.stop(), b.stop()])
    await redis.server.admin.flushall()
    await a.start()
    // It waits for what its checkpoint knows of the other.
    await expect(statistics(a)).rejects.toThrow(`not yet all of the logs ${b.log.id}`)
    await b.start()
    await untilWhole([a, b])
    expect(await countedIn(b.store)).toEqual(before)
  })

  it("offers its checkpoint again where the way to Redis was cut before the restoring began", async () => {
    const { a, before } = await checkpointed()
    // The log alone doesn't have all of it any more.
    for (const { file } of (await a.segments.list()).slice(0, 2)) await a.segments.remove(file)
    await redis.server.admin.flushall()
    let cuts = 1
    const { reader, segments, store, checkpoints, logger } = a
    const restoreLost: typeof store.restoreLost = async (loss, contents) => {
      if (cuts-- > 0) throw new GatewayError("store_unavailable", { detail: "the way to Redis was cut" })
      return await store.restoreLost(loss, contents)
    }
    a.sharing = new SharedRestore({
      logs: async () => [{ reader, segments }],
      store: { ...store, restoreLost },
      checkpoints,
      logger,
    })
    await expect(a.look()).rejects.toThrow("the way to Redis was cut")
    await untilWhole([a])
    expect(await countedIn(a.store)).toEqual(before)
  })

  it("writes no checkpoint of counters that have taken the place of others, before anybody else has noticed", async () => {
    const [a, b] = await started({ checkpointMs: 0 })
    b.take("b1")
    await b.flush()
    await statistics(a)
    await redis.server.admin.flushall()
    const [newcomer] = await started({}, 1)
    newcomer.take("n1")
    await newcomer.flush()
    await expect(a.store.pack()).rejects.toMatchObject({ code: "store_unavailable" })
    expect(a.logger.messages).toContainEqual(expect.stringContaining("counters were lost"))
    await untilWhole([a, b, newcomer])
    expect((await a.store.pack()).positions.map(({ log }) => log).toSorted()).toEqual(
      [b.log.id, newcomer.log.id].toSorted(),
    )
  })

  it("begins at the logs where no gateway has a checkpoint", async () => {
    const [a, b] = await started({ checkpointMs: 2_000 })
    a.take("a1")
    b.take("b1")
    await Promise.all([a.flush(), b.flush()])
    await statistics(a)
    const before = await countedIn(a.store)
    await redis.server.admin.flushall()
    await a.look()
    a.take("a2")
    expect(await a.flush()).toBe(false)
    await untilWhole([a, b])
    expect(await countedIn(b.store)).toEqual(await loggedBy([a, b]))
    expect((await countedIn(b.store)).size).toBeGreaterThanOrEqual(before.size)
  })

  it("has what a deleted file of a log had", async () => {
    const { a, before } = await checkpointed()
    const [first, second, ...others] = (await a.segments.list()).map(({ file }) => file)
    expect(others.length).toBeGreaterThan(0)
    for (const file of [first, second]) await a.segments.remove(file ?? 0)
    await a.stop()
    await redis.server.admin.flushall()
    await a.start()
    await untilWhole([a])
    expect(await countedIn(a.store)).toEqual(before)
  })

  it.each([
    ["", false],
    [", also where the gateway is started anew meanwhile", true],
  ])("has what a deleted file of a log had where Redis comes back with older data%s", async (_, isRestarted) => {
    const [a] = await started({}, 1)
    a.take("a")
    await a.flush()
    const comeBack = await redis.save()
    for (let index = 0; index < 30; index++) {
      a.take(`a${index}`)
      if (index % 5 === 0) await a.flush()
    }
    await a.checkpoint()
    a.take("z")
    await a.flush()
    const before = await countedIn(a.store)
    for (const { file } of (await a.segments.list()).slice(0, 2)) await a.segments.remove(file)
    if (isRestarted) await a.stop()
    await comeBack()
    if (isRestarted) await a.start()
    await untilWhole([a])
    expect(await countedIn(a.store)).toEqual(before)
    expect(await statistics(a)).toMatchObject({ variants: [{ n: 32, sum: 32 }] })
  })

  it("says what is partial where a gateway is gone, and counts its log when that is named", async () => {
    const [a, gone] = await started({ logsMs: 1_500, creditsMs: 500 })
    a.take("a1")
    gone.take("g1")
    await gone.flush()
    await a.checkpoint()
    gone.take("g2")
    await gone.flush()
    await statistics(a)
    const before = await countedIn(a.store)
    await gone.stop()
    await redis.server.admin.flushall()
    await a.look()
    await expect(statistics(a)).rejects.toMatchObject({ code: "store_unavailable" })
    await expect
      .poll(async () => await statistics(a).catch(() => undefined), { timeout: 10_000 })
      .toMatchObject({
        partial: [gone.log.id],
        variants: [{ n: 2, sum: 2 }],
      })
    await a.look()
    expect(a.sharing.losses).toMatchObject([{ experiment: "banner-ctr", isAwaited: false }])
    // Partial counters are learned from, and may be kept.
    a.take("a2")
    await a.checkpoint()

    const store = createRedisCounterStore(redis.clients, new SharedClock(), createRememberingLogger())
    const logger = createRememberingLogger()
    const { events } = await countGoneLogs({ logs: [gone], store, clock: new SharedClock(), logger }, () => {})
    expect(events).toBe(4)
    await a.look()
    expect(a.sharing.losses).toEqual([])
    expect(await statistics(a)).not.toHaveProperty("partial")
    expect(await countedIn(a.store)).toEqual(await loggedBy([a, gone]))
    expect((await statistics(a)).variants).toMatchObject([{ n: 4, sum: 4 }])
    expect(before.size).toBeGreaterThan(0)
  })

  it("goes on where the gateway that restored has stopped half-way", async () => {
    const [a] = await started({}, 1)
    a.take("a1")
    await a.checkpoint()
    const before = await countedIn(a.store)
    const meta = "bandit:{banner-ctr}:meta"
    await redis.server.admin.flushall()
    await a.look()
    await redis.server.admin.hset(meta, "generation", "another", "filling", Date.now() - 20_000, "lost", 1)
    await a.look()
    expect(await redis.server.admin.hget(meta, "generation")).toBe("another")
    await redis.server.admin.hset(meta, "filling", Date.now() - 31_000)
    await untilWhole([a])
    expect(await countedIn(a.store)).toEqual(before)
  })

  it("keeps what was made anew on purpose from older checkpoints", async () => {
    const [a] = await started({}, 1)
    a.take("a1")
    await a.checkpoint()
    const rebuilt = createRedisCounterStore(redis.clients, new SharedClock(), createRememberingLogger())
    await rebuilt.reset()
    await a.look()
    expect(a.logger.messages).not.toContain("warn: counters that were lost are restored from a checkpoint")
    await untilWhole([a])
    expect(await countedIn(a.store)).toEqual(await loggedBy([a]))
  })

  it("counts each reward once, whatever is taken, repeated, kept, emptied, older and started again", async () => {
    const names = ["D1", "D2", "D3", "D4", "D5"]
    const often = ["take", "take", "take", "repeat", "repeat", "repeat", "flush", "flush", "checkpoint", "ask"] as const
    const step = fc.record({
      what: fc.constantFrom(...often, "empty", "restart", "look", "save", "come back"),
      who: fc.nat(2),
      decision: fc.constantFrom(...names),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        await redis.server.admin.flushall()
        const gateways: SharedGateway[] = []
        for (let index = 0; index < 3; index++) {
          gateways.push(await new SharedGateway(redis.clients, { checkpointMs: 50 }).start())
        }
        let taken = 0
        // Each has met the counters.
        gateways[0]?.take("first")
        for (const gateway of gateways) {
          await gateway.flush()
          await statistics(gateway)
        }
        let most = 0
        const wrong: string[] = []
        let comeBack = await redis.save()
        for (const { what, who, decision } of steps) {
          const gateway = gateways[who] as SharedGateway
          if (what === "empty") await redis.server.admin.flushall()
          else if (what === "save") comeBack = await redis.save()
          else if (what === "come back") await comeBack()
          else if (what === "look") await gateway.look()
          else if (what === "ask") {
            const { variants, partial } = await statistics(gateway).catch(() => ({ variants: [], partial: ["all"] }))
            const [{ n } = { n: 0 }] = variants
            // What is said to be whole is never less than what was.
            if (partial === undefined && n < most) wrong.push(`${n} after ${most}`)
            most = Math.max(most, n)
          } else if (what === "restart") {
            await gateway.stop()
            // Nobody knows of a loss before whom there is no checkpoint, unless another gateway has said it.
            for (const other of gateways) if (other !== gateway) await other.look()
            await gateway.start()
          } else if (what === "flush") await gateway.flush()
          else if (what === "checkpoint") await gateway.checkpoint().catch(() => {})
          else if (what === "take") gateway.take(`${decision}-${taken++}`)
          else gateway.reward({ decisionId: `${decision}-${taken % 3}` })
        }
        expect(wrong).toEqual([])
        await untilWhole(gateways)
        const [first] = gateways as [SharedGateway]
        expect(await countedIn(first.store)).toEqual(await loggedBy(gateways))
        const fresh = createRedisCounterStore(redis.clients, new SharedClock(), createRememberingLogger())
        const { variants } = await fresh.statistics("banner-ctr", ALL_OF_CHAMPION)
        for (const gateway of gateways) expect(await statistics(gateway)).toMatchObject({ variants })
        for (const gateway of gateways) await gateway.stop()
      }),
      { numRuns: 20 },
    )
  }, 180_000)
})

it("restores the experiments of one master of a cluster that lost its data, and leaves the others alone", async () => {
  const cluster = await startCluster()
  onTestFinished(() => cluster.stop())
  const clients = await connectClients(cluster.address)
  onTestFinished(() => clients.end())
  const gateways = [await new SharedGateway(clients).start(), await new SharedGateway(clients).start()] as const
  onTestFinished(async () => void (await Promise.all(gateways.map((gateway) => gateway.stop()))))
  const [a, b] = gateways
  const names = Array.from({ length: 12 }, (_, index) => `experiment-${index}`)
  for (const name of names) {
    a.take(`a-${name}`, name)
    b.take(`b-${name}`, name)
  }
  await b.flush()
  await a.checkpoint()
  for (const name of names) b.take(`c-${name}`, name)
  await b.flush()
  const before = await countedIn(a.store)
  const marks = async () =>
    new Map(
      await Promise.all(
        names.map(async (name) => [name, await clients.reading.hget(`bandit:{${name}}:meta`, "generation")] as const),
      ),
    )
  const known = await marks()
  const [lost] = cluster.masters
  lost?.signal("SIGKILL")
  await lost?.restart()
  await expect.poll(() => marks().catch(() => undefined), { timeout: 20_000 }).toBeDefined()
  const empty = [...(await marks())].flatMap(([name, mark]) => (mark === null ? [name] : []))
  expect(empty.length).toBeGreaterThan(0)
  expect(empty.length).toBeLessThan(names.length)
  await untilWhole(gateways)
  expect(await countedIn(b.store)).toEqual(before)
  const others = [...(await marks())].flatMap(([name, mark]) => (mark === known.get(name) ? [] : [name]))
  expect(others).toEqual(empty)
})
