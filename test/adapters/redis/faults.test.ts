import { afterEach, describe, expect, it } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { createRedisAllocationStore } from "#src/adapters/redis/allocation-store.ts"
import { connect, untilReady } from "#src/adapters/redis/connection.ts"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { createRedisExperimentStore } from "#src/adapters/redis/experiment-store.ts"
import { PUBLISHED } from "#src/adapters/redis/keys.ts"
import { readServerFacts, unkeptPromises } from "#src/adapters/redis/server-facts.ts"
import { GatewayError } from "#src/domain/errors.ts"
import type { RewardEvent } from "#src/domain/events.ts"
import { GatewayLog } from "#test/contract/gateway-log.ts"
import { countedIn } from "#test/contract/opened-store.ts"
import { ALL_OF_CHAMPION, decisionEvent, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { type ConnectedClients, connectClients } from "./connected.ts"
import { makeDocumentedUser } from "./documented-user.ts"
import { addressOf, startCluster, startRedis, startWatched } from "./redis-servers.ts"

const SLOT_MOVE_KEYS = 100

/** Lines of a log: each decision with its reward, and every third reward twice. */
function lines(count: number) {
  return Array.from({ length: count }, (_, index) => {
    const decisionId = `D${index}`
    const reward: RewardEvent = rewardEvent({ decisionId })
    return [decisionEvent({ decisionId }), reward, ...(index % 3 === 0 ? [reward] : [])]
  }).flat()
}

const stops: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

function stored(clients: ConnectedClients) {
  stops.push(() => clients.end())
  return createRedisCounterStore(clients, new SharedClock(), createRememberingLogger())
}

async function expected(log: GatewayLog) {
  const store = createMemoryCounterStore(new SharedClock())
  await log.catchUp(store)
  return await countedIn(store)
}

/** Folds the next lines, again and again until the store has taken them, as a gateway does. @returns how often it refused */
async function foldThrough(log: GatewayLog, store: ReturnType<typeof stored>, end: number): Promise<number> {
  for (let refused = 0; ; refused++) {
    try {
      const outcome = await log.catchUp(store, end)
      if (outcome !== "caught up") throw new Error(outcome)
      return refused
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== "store_unavailable") throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

describe("given a log that is folded into Redis while something goes wrong", () => {
  it("counts each line once when the master dies and its replica, which lags behind, is promoted", async () => {
    const watched = await startWatched()
    stops.push(() => watched.stop())
    const clients = await connectClients(watched.address)
    const store = stored(clients)
    const log = new GatewayLog("A").append(...lines(60))
    await foldThrough(log, store, 50)
    // What comes now never reaches the replica.
    watched.replica.signal("SIGSTOP")
    await foldThrough(log, store, 90)
    watched.master.signal("SIGKILL")
    watched.replica.signal("SIGCONT")
    expect(await foldThrough(log, store, log.length)).toBeGreaterThan(0)
    expect(await untilReady(clients.reading, 10_000)).toBe(true)
    expect(await countedIn(store)).toEqual(await expected(log))
  })

  it("counts each line once while the experiment's slot moves to another master", async () => {
    const cluster = await startCluster()
    stops.push(() => cluster.stop())
    const store = stored(await connectClients(cluster.address))
    const log = new GatewayLog("A").append(...lines(200))
    await foldThrough(log, store, 100)
    const [first] = cluster.masters
    const slot = Number(await first?.admin.cluster("KEYSLOT", "{banner-ctr}"))
    const ids = await Promise.all(cluster.masters.map(({ admin }) => admin.cluster("MYID")))
    const counts = await Promise.all(cluster.masters.map(({ admin }) => admin.cluster("COUNTKEYSINSLOT", slot)))
    const from = counts.findIndex((count) => count > 0)
    const to = (from + 1) % cluster.masters.length
    const [source, target] = [cluster.masters[from]?.admin, cluster.masters[to]?.admin]
    const move = { isDone: false }
    const folding = (async () => {
      for (let end = 101; !move.isDone && end < log.length; end++) await foldThrough(log, store, end)
    })()
    await target?.call("CLUSTER", "SETSLOT", slot, "IMPORTING", String(ids[from]))
    await source?.call("CLUSTER", "SETSLOT", slot, "MIGRATING", String(ids[to]))
    for (;;) {
      const keys = (await source?.call("CLUSTER", "GETKEYSINSLOT", slot, SLOT_MOVE_KEYS)) as string[]
      if (keys.length === 0) break
      for (const key of keys) {
        await source?.call("MIGRATE", "127.0.0.1", String(cluster.masters[to]?.port), key, 0, 5_000)
        // Folds come between two keys.
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    }
    for (const { admin } of cluster.masters) await admin.call("CLUSTER", "SETSLOT", slot, "NODE", String(ids[to]))
    move.isDone = true
    await folding
    await foldThrough(log, store, log.length)
    expect(Number(await target?.cluster("COUNTKEYSINSLOT", slot))).toBeGreaterThan(0)
    expect(await countedIn(store)).toEqual(await expected(log))
  })

  it.each([
    ["is full", ["CONFIG", "SET", "maxmemory", "1mb"], ["CONFIG", "SET", "maxmemory", "0"]],
    [
      "takes no writes without a replica",
      ["CONFIG", "SET", "min-replicas-to-write", "1"],
      ["CONFIG", "SET", "min-replicas-to-write", "0"],
    ],
    ["is a replica for a while", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]],
  ])("refuses while the server %s, keeps nothing of what it refused, and goes on after it", async (_, begin, end) => {
    const server = await startRedis()
    stops.push(() => server.stop())
    const store = stored(await connectClients(addressOf(server)))
    const log = new GatewayLog("A").append(...lines(20))
    await foldThrough(log, store, 10)
    const before = await store.positions("A")
    const [command = "", ...values] = begin
    await server.admin.call(command, ...values)
    await expect(log.catchUp(store)).rejects.toMatchObject({ code: "store_unavailable" })
    // A client that was told "read only" looks whether somebody else is the master now.
    await expect.poll(() => store.positions("A").catch(() => "away"), { timeout: 5_000 }).toEqual(before)
    const [back = "", ...given] = end
    await server.admin.call(back, ...given)
    await foldThrough(log, store, log.length)
    expect(await countedIn(store)).toEqual(await expected(log))
  })

  it("counts each line once when answers of a stopped server come late", async () => {
    const server = await startRedis()
    stops.push(() => server.stop())
    const store = stored(await connectClients(addressOf(server), 100))
    const log = new GatewayLog("A").append(...lines(60))
    for (let end = 10; end <= log.length; end += 10) {
      server.signal("SIGSTOP")
      const folding = foldThrough(log, store, end)
      await new Promise((resolve) => setTimeout(resolve, 250))
      server.signal("SIGCONT")
      expect(await folding).toBeGreaterThan(0)
    }
    await foldThrough(log, store, log.length)
    expect(await countedIn(store)).toEqual(await expected(log))
  })

  it("reads all of the counters that have taken the place of others, also where several read them at once", async () => {
    const server = await startRedis()
    stops.push(() => server.stop())
    const clients = await connectClients(addressOf(server))
    const [reader, writer] = [
      stored(clients),
      createRedisCounterStore(clients, new SharedClock(), createRememberingLogger()),
    ]
    const read = async (from: typeof reader) => (await from.statistics("banner-ctr", ALL_OF_CHAMPION)).variants
    const log = new GatewayLog("A").append(...lines(60))
    for (let end = 20; end <= 60; end += 20) await foldThrough(log, reader, end)
    await read(reader)
    await server.admin.flushall()
    await foldThrough(new GatewayLog("A").append(...lines(60)), writer, 60)
    const all = await read(writer)
    expect(await Promise.all(Array.from({ length: 5 }, () => read(reader)))).toEqual(
      Array.from({ length: 5 }, () => all),
    )
    expect(await read(reader)).toEqual(all)
  })

  it("is done by a user with the rights that docs/redis.md lists", async () => {
    const server = await startRedis()
    stops.push(() => server.stop())
    await makeDocumentedUser(server)
    const address = { ...addressOf(server), username: "gateway", password: "a-long-secret" }
    const clients = await connectClients(address)
    const store = stored(clients)
    const log = new GatewayLog("A").append(...lines(20))
    await foldThrough(log, store, log.length)
    expect(await countedIn(store)).toEqual(await expected(log))
    expect(await store.seen([rewardEvent({ decisionId: "D1" })])).toEqual([true])
    await store.tidyUp()
    await store.keep("banner-ctr", { memorySeconds: undefined, forgottenAfterSeconds: undefined, maturationSeconds: 9 })
    await store.reset()
    const experiments = createRedisExperimentStore(clients.reading)
    expect(await experiments.latest()).toEqual([])
    expect(await createRedisAllocationStore(clients.reading).read("banner-ctr")).toMatchObject({
      allocation: undefined,
    })
    expect(unkeptPromises(await readServerFacts(clients.reading, "store"), "store")).toEqual([
      "appendonly is off: an answered reward is lost with the server; set appendonly yes",
    ])
    const hints = connect(address, 1_000, createRememberingLogger())
    stops.push(() => hints.disconnect())
    await untilReady(hints, 2_000)
    expect(await hints.subscribe(PUBLISHED)).toBe(1)
  })
})
