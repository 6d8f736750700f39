import { Redis } from "ioredis"
import seedrandom from "seedrandom"
import { expect, it, onTestFinished } from "vitest"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { connectClients } from "#test/adapters/redis/connected.ts"
import { addressOf, type RedisServer, startRedis } from "#test/adapters/redis/redis-servers.ts"
import { FaultProxy } from "#test/chaos/fault-proxy.ts"
import { observe } from "#test/chaos/observe.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { countedBy, RedisGateway, ToldClients } from "./redis-gateway.ts"

const PREDICTIONS = 5
const POLL = { timeout: 30_000, interval: 100 }

interface RedisFault {
  readonly name: string
  /** Whether Redis gives no answer at all for a second or longer, or one that comes too late. */
  readonly silent: boolean
  strike(redis: RedisServer, way: FaultProxy): Promise<unknown> | void
  heal(redis: RedisServer, way: FaultProxy): Promise<unknown> | void
  /** What `/readyz` says of Redis meanwhile. */
  readonly said: RegExp
}

const AWAY = /Redis can't be reached/

const FAULTS: readonly RedisFault[] = [
  {
    name: "refuses connections",
    silent: false,
    strike: (redis) => redis.signal("SIGKILL"),
    heal: (redis) => redis.restart(),
    said: AWAY,
  },
  {
    name: "is stopped",
    silent: true,
    strike: (redis) => redis.signal("SIGSTOP"),
    heal: (redis) => redis.signal("SIGCONT"),
    said: AWAY,
  },
  {
    name: "is behind a black hole",
    silent: true,
    strike: (_, way) => way.suffer({ blackHole: true }),
    heal: (_, way) => way.heal(),
    said: AWAY,
  },
  {
    name: "is slow",
    silent: true,
    strike: (_, way) => way.suffer({ latencyMs: 700 }),
    heal: (_, way) => way.heal(),
    said: /^rewards are durable in/,
  },
  {
    name: "is loading what it has kept",
    silent: false,
    strike: async (redis) => {
      await keepMuch(redis)
      redis.signal("SIGKILL")
      // A minute and a half, if nothing changes it.
      await redis.restartLoading(["--key-load-delay", "50000", "--loading-process-events-interval-bytes", "1024"])
    },
    heal: loadQuickly,
    said: AWAY,
  },
  {
    name: "is full",
    silent: false,
    strike: ({ admin }) => admin.config("SET", "maxmemory", "1mb"),
    heal: ({ admin }) => admin.config("SET", "maxmemory", "0"),
    said: /maxmemory is reached/,
  },
  {
    name: "is a read-only replica",
    silent: false,
    strike: ({ admin }) => admin.replicaof("127.0.0.1", 1),
    heal: ({ admin }) => admin.replicaof("NO", "ONE"),
    said: /it is a replica/,
  },
]

/** Fills the file that a start loads with 2,000 keys beside ours. */
async function keepMuch({ admin }: RedisServer): Promise<void> {
  await admin.config("SET", "rdbcompression", "no")
  await admin.eval("for i = 1, 2000 do redis.call('SET', 'filler:' .. i, string.rep('x', 1000)) end", 0)
  await admin.bgrewriteaof()
  await expect
    .poll(() => admin.info("persistence"), POLL)
    .toMatch(/aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0/)
}

async function loadQuickly({ port }: RedisServer): Promise<void> {
  const client = new Redis({ port, enableReadyCheck: false })
  await client.config("SET", "key-load-delay", "0")
  client.disconnect()
}

/** Asks Redis something. @returns whether an answer has come by now */
function ask(port: number): () => boolean {
  const client = new Redis({ port, enableReadyCheck: false, retryStrategy: null })
  onTestFinished(() => client.disconnect())
  client.on("error", () => {})
  let isAnswered = false
  const waiting = async (): Promise<void> => {
    await client.ping()
    isAnswered = true
  }
  void Promise.allSettled([waiting()])
  return () => isAnswered
}

it.each(FAULTS)(
  "serves as before while Redis $name, and counts every acknowledged reward once",
  {
    timeout: 120_000,
  },
  async (fault) => {
    const redis = await startRedis(["appendonly yes", "appendfsync always"])
    onTestFinished(() => redis.stop())
    const way = await FaultProxy.start(redis.port, seedrandom("redis-faults"))
    onTestFinished(() => way.close())
    const told = new ToldClients()
    const folders: string[] = []
    const start = async (durability: "log" | "store", folder = temporaryFolder()) => {
      folders.push(folder)
      const settings = { REWARD_DURABILITY: durability }
      const gateway = await RedisGateway.start(folder, `redis://127.0.0.1:${way.port}`, told, settings)
      onTestFinished(() => gateway.stop())
      return gateway
    }
    const predictions = async (gateway: RedisGateway) => {
      for (let index = 0; index < PREDICTIONS; index++) expect(await gateway.predict()).toBe(200)
    }

    const known = temporaryFolder()
    const before = await start("store", known)
    await predictions(before)
    await before.stop()
    const [log, store] = [await start("log"), await start("store")]
    for (const gateway of [log, store]) {
      await predictions(gateway)
      await gateway.reward()
      await expect.poll(() => gateway.insist(), POLL).toBe(0)
    }

    await fault.strike(redis, way)
    const isAnswered = ask(way.port)
    for (const gateway of [log, store]) await predictions(gateway)
    expect(fault.silent && isAnswered()).toBe(false)
    expect(await log.reward()).toMatchObject({ status: 202, body: { status: "accepted" } })
    expect(await store.reward()).toMatchObject({ status: 503, body: { code: "store_unavailable" } })

    // One has never seen Redis, one has been served what it publishes.
    const [fresh, again] = await Promise.all([start("log"), start("store", known)])
    for (const gateway of [fresh, again]) await predictions(gateway)
    expect(await fresh.reward()).toMatchObject({ status: 202, body: { status: "accepted" } })
    expect(await again.reward()).toMatchObject({ status: 503, body: { code: "store_unavailable" } })
    const gateways = [log, store, fresh, again]
    for (const gateway of gateways) {
      await expect
        .poll(() => gateway.get("/readyz"), POLL)
        .toMatchObject({
          status: 200,
          body: {
            ready: true,
            parts: { redis: { detail: expect.stringMatching(fault.said) }, counters: { ready: false } },
          },
        })
      expect(await gateway.metric("bandit_storage_failing")).toBe(1)
    }

    await fault.heal(redis, way)
    await expect.poll(() => again.insist(), POLL).toBe(0)
    const total = { decisions: told.decisions, rewards: told.acknowledged.size }
    for (const gateway of gateways) {
      await expect.poll(() => countedBy(gateway), POLL).toEqual({ ...total, excluded: 0 })
      await expect.poll(() => gateway.metric("bandit_storage_failing"), POLL).toBe(0)
    }
    await Promise.all(gateways.map((gateway) => gateway.stop()))

    const clients = await connectClients(addressOf(redis))
    onTestFinished(() => clients.end())
    const counters = createRedisCounterStore(clients, realClock, createRememberingLogger())
    const left = await observe(
      [...new Set(folders)].map((folder) => `${folder}/data`),
      counters,
    )
    expect(left.checked).toMatchObject({ equal: true, unfolded: 0, differences: [] })
    expect(left.counters).toMatchObject(total)
  },
)

it("doesn't start over a Redis that evicts keys: counters would go without a word", async () => {
  const redis = await startRedis(["maxmemory-policy allkeys-lru"])
  onTestFinished(() => redis.stop())
  const started = RedisGateway.start(temporaryFolder(), `redis://127.0.0.1:${redis.port}`, new ToldClients())
  await expect(started).rejects.toMatchObject({
    code: "config_invalid",
    detail: expect.stringMatching(/^REDIS_URL: maxmemory-policy is allkeys-lru: .*; set noeviction$/),
  })
})
