import { describe, expect, it, onTestFinished } from "vitest"
import { connect } from "#src/adapters/redis/connection.ts"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { FileSync, ROUND_WITHIN_MS, withFileSync } from "#src/adapters/redis/file-sync.ts"
import { readServerFacts, unkeptPromises } from "#src/adapters/redis/server-facts.ts"
import { connectClients } from "#test/adapters/redis/connected.ts"
import { makeDocumentedUser } from "#test/adapters/redis/documented-user.ts"
import { addressOf, type RedisServer, startCluster, startRedis } from "#test/adapters/redis/redis-servers.ts"
import { SyncedBytes } from "#test/chaos/synced-bytes.ts"
import { GatewayLog } from "#test/contract/gateway-log.ts"
import { GatewayProcess } from "#test/crash/gateway-process.ts"
import { countedBy, RedisGateway, ToldClients } from "#test/entry/redis-gateway.ts"
import { batchOf } from "#test/fold-batch.ts"
import { rewardEvent } from "#test/outcomes.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { newerServer } from "./newer-server.ts"

const REDIS = newerServer("redis-server-8")
const EVERY_SECOND = ["appendonly yes", "appendfsync everysec", "auto-aof-rewrite-percentage 0"] as const
const POLL = { timeout: 30_000, interval: 100 }
const KEYS = { SIGNING_KEYS: `k1:${"A".repeat(43)}`, UNIT_KEY: "B".repeat(43) }
const REWARDS = 60
const STORE = { REWARD_DURABILITY: "store" } as const

async function watched(program: string) {
  const synced = await SyncedBytes.watch()
  const server = await startRedis(EVERY_SECOND, [], synced.environment, program)
  onTestFinished(() => server.stop())
  return {
    server,
    unsynced: () => synced.unsynced(server.folder, ".aof"),
    cut: () => synced.cut(server.folder, ".aof"),
  }
}

/** As bad as a failure of power: what no sync had reached is gone. */
async function failPower(server: RedisServer, cut: () => number): Promise<number> {
  server.signal("SIGKILL")
  await server.ended()
  const bytes = cut()
  await server.restart()
  return bytes
}

async function post(url: string, body: unknown) {
  const headers = { "content-type": "application/json" }
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

async function gatewayOf({ port }: RedisServer, login = "") {
  const told = new ToldClients()
  const gateway = await RedisGateway.start(temporaryFolder(), `redis://${login}127.0.0.1:${port}`, told, STORE)
  onTestFinished(() => gateway.stop())
  const redisState = async () => {
    const { body } = await gateway.get("/readyz")
    return (body["parts"] as Record<string, unknown>)["redis"]
  }
  return { gateway, told, redisState }
}

describe("given WAITAOF of the servers that there are", () => {
  /** @returns how many of so many writes were not synced when WAITAOF had said that they were */
  async function early(program: string): Promise<number> {
    const { server, unsynced } = await watched(program)
    let early = 0
    for (let index = 0; index < 5; index++) {
      await server.admin.set("a", index)
      expect(await server.admin.call("WAITAOF", 1, 0, 10_000)).toEqual([1, 0])
      if (unsynced() > 0) early += 1
    }
    return early
  }

  it("is answered by Redis 8 after the sync", async () => {
    expect(await early(REDIS)).toBe(0)
  })

  it("is answered by Valkey before: where this fails, that was mended, and it can be waited for", async () => {
    expect(await early(newerServer("valkey-server"))).toBeGreaterThan(0)
  })

  it.each([
    ["redis-server-8", []],
    [
      "valkey-server",
      [/^appendfsync is everysec, and this server's WAITAOF answers before the sync: .*set it to always/],
    ],
  ] as const)("is trusted by what %s says of itself", async (name, expected) => {
    const server = await startRedis(EVERY_SECOND, [], {}, newerServer(name))
    onTestFinished(() => server.stop())
    const clients = await connectClients(addressOf(server))
    onTestFinished(() => clients.end())
    const problems = unkeptPromises(await readServerFacts(clients.reading, "store"), "store")
    expect(problems).toEqual(expected.map((said) => expect.stringMatching(said)))
  })
})

describe("given a Redis that syncs its file every second, under REWARD_DURABILITY store", () => {
  it("keeps every reward that was answered when Redis and the gateway lose what they had not synced", async () => {
    const { server, cut } = await watched(REDIS)
    const settings = { ...KEYS, ...STORE, REDIS_URL: `redis://127.0.0.1:${server.port}`, SHUTDOWN_DELAY_SECONDS: "0" }
    const gateway = await GatewayProcess.start(temporaryFolder(), settings)
    const decisions: unknown[] = []
    for (let index = 0; index < REWARDS; index++) {
      const asked = { experiment: "clicks", unitId: `u${index}`, features: { hour: "14102100" } }
      decisions.push((await post(`${gateway.address}/predict`, asked)).body["decision"])
    }
    let acknowledged = 0
    const rewarding = Promise.allSettled(
      decisions.map(async (decision, index) => {
        await new Promise((resolve) => setTimeout(resolve, 50 * index))
        const { status } = await post(`${gateway.address}/reward`, { decision })
        if (status === 200) acknowledged += 1
      }),
    )
    await expect.poll(() => acknowledged, { timeout: 30_000, interval: 5 }).toBeGreaterThan(REWARDS / 4)
    await gateway.kill()
    await failPower(server, cut)
    await rewarding
    expect(acknowledged).toBeLessThan(REWARDS)

    const clients = await connectClients(addressOf(server))
    onTestFinished(() => clients.end())
    const { cells } = await createRedisCounterStore(clients, realClock, createRememberingLogger()).contents()
    const clicks = cells.filter(({ experiment, metric }) => experiment === "clicks" && metric === "click")
    expect(clicks.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(acknowledged)
  })

  it("refuses a reward for as long as the file isn't synced, says so, and answers that it is a duplicate after", async () => {
    const server = await startRedis(EVERY_SECOND, [], {}, REDIS)
    onTestFinished(() => server.stop())
    const { gateway, told, redisState } = await gatewayOf(server)
    expect(await gateway.predict()).toBe(200)
    await server.admin.config("SET", "appendfsync", "no")
    expect(await gateway.reward()).toMatchObject({
      status: 503,
      body: { code: "store_unavailable", detail: "rewards can't be made durable now: send them again" },
    })
    expect(await gateway.insist()).toBe(1)
    await expect.poll(redisState, POLL).toMatchObject({
      ready: false,
      detail: expect.stringMatching(/appendfsync is no: .*; rewards are refused: .*isn't synced: not within 1500 ms/),
    })
    await server.admin.config("SET", "appendfsync", "everysec")
    await expect.poll(() => gateway.insist(), POLL).toBe(0)
    expect(told.acknowledged.size).toBe(1)
    expect(await countedBy(gateway)).toMatchObject({ rewards: 1 })
    await expect.poll(redisState, POLL).toMatchObject({ ready: true })
  })

  it("asks replicas for their sync too where min-replicas-to-write does", async () => {
    const server = await startRedis([...EVERY_SECOND, "min-replicas-to-write 1"], [], {}, REDIS)
    onTestFinished(() => server.stop())
    const { admin } = await startReplica(server)
    const { gateway } = await gatewayOf(server)
    expect(await gateway.predict()).toBe(200)
    expect(await gateway.reward()).toMatchObject({ status: 503 })
    await admin.config("SET", "appendonly", "yes")
    await expect.poll(() => gateway.insist(), POLL).toBe(0)
  })

  it("needs one right more, and says which", async () => {
    const server = await startRedis(EVERY_SECOND, [], {}, REDIS)
    onTestFinished(() => server.stop())
    await makeDocumentedUser(server)
    const { gateway, redisState } = await gatewayOf(server, "gateway:a-long-secret@")
    expect(await redisState()).toMatchObject({
      ready: false,
      detail: expect.stringMatching(/the user in REDIS_URL may not call waitaof/),
    })
    await makeDocumentedUser(server, "+waitaof")
    await expect.poll(redisState, POLL).toMatchObject({ ready: true })
    expect(await gateway.predict()).toBe(200)
    expect(await gateway.reward()).toMatchObject({ status: 200 })
  })
})

async function startReplica(server: RedisServer): Promise<RedisServer> {
  const settings = [`replicaof 127.0.0.1 ${server.port}`, "repl-diskless-sync-delay 0"]
  const replica = await startRedis(settings, [], {}, REDIS)
  onTestFinished(() => replica.stop())
  await expect.poll(() => replica.admin.info("replication"), POLL).toContain("master_link_status:up")
  return replica
}

describe("given a store that waits for the file", () => {
  async function storeOf(address: ReturnType<typeof addressOf>) {
    const clients = await connectClients(address)
    onTestFinished(() => clients.end())
    const logger = createRememberingLogger()
    const open = () => connect(address, ROUND_WITHIN_MS, logger)
    const sync = new FileSync({ folding: clients.folding, connect: open, clock: realClock })
    onTestFinished(() => sync.close())
    return withFileSync(createRedisCounterStore(clients, realClock, logger), sync)
  }

  it("finds out that the server was started anew without what was folded", async () => {
    const { server, cut } = await watched(REDIS)
    const store = await storeOf(addressOf(server))
    const log = new GatewayLog("A").append(rewardEvent({ decisionId: "D1" }), rewardEvent({ decisionId: "D2" }))
    await log.catchUp(store, 1)
    await store.synced?.("banner-ctr")
    await server.admin.config("SET", "appendfsync", "no")
    await log.catchUp(store)
    expect(await failPower(server, cut)).toBeGreaterThan(0)
    await expect
      .poll(async () => await store.synced?.("banner-ctr").catch((error: unknown) => String(error)), POLL)
      .toMatch(/have lost what was folded/)
  })

  it("asks the master of a cluster that has the experiment", async () => {
    const cluster = await startCluster(3, undefined, { settings: EVERY_SECOND, program: REDIS })
    onTestFinished(() => cluster.stop())
    const store = await storeOf(cluster.address)
    const experiments = ["a", "b", "c", "d"]
    for (const experiment of experiments) {
      const end = { file: 1, offset: 100, hash: "" }
      await store.fold({ ...batchOf([rewardEvent()], { log: "A", from: undefined, end }), experiment })
    }
    await Promise.all(experiments.map(async (experiment) => await store.synced?.(experiment)))
    const asked = await Promise.all(cluster.masters.map(({ admin }) => admin.info("commandstats")))
    expect(asked.filter((stats) => stats.includes("cmdstat_waitaof")).length).toBeGreaterThan(1)
  })
})
