import { expect, it, onTestFinished } from "vitest"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { createRedisKeyStore } from "#src/adapters/redis/key-store.ts"
import type { StoredKey } from "#src/ports/key-store.ts"
import { connectClients } from "#test/adapters/redis/connected.ts"
import { DOCUMENTED_LOGIN, makeDocumentedUser, refusals } from "#test/adapters/redis/documented-user.ts"
import { addressOf, startCluster, startRedis } from "#test/adapters/redis/redis-servers.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { countedBy, RedisGateway, ToldClients } from "./redis-gateway.ts"

const KEY: StoredKey = {
  id: "0123456789abcdef",
  name: "ads",
  digest: "A".repeat(43),
  permissions: ["predict"],
  experiments: null,
  requestsPerSecond: null,
  createdAt: 1,
  createdBy: "first",
  expiresAt: null,
  lastUsedAt: null,
}

const POLL = { timeout: 20_000, interval: 100 }

async function standalone() {
  const server = await startRedis(["appendonly yes", "appendfsync always"])
  onTestFinished(() => server.stop())
  return { servers: [server], address: addressOf(server), url: `redis://${DOCUMENTED_LOGIN}@127.0.0.1:${server.port}` }
}

async function cluster() {
  const started = await startCluster()
  onTestFinished(() => started.stop())
  const { masters, address } = started
  const nodes = masters.map(({ port }) => `127.0.0.1:${port}`)
  return { servers: masters, address, url: `redis+cluster://${DOCUMENTED_LOGIN}@${nodes.join(",")}` }
}

it.each([
  ["one server", standalone],
  ["a cluster", cluster],
])("does all that it does as the user that docs/redis.md makes, on %s", async (_, serversOf) => {
  const { servers, address, url } = await serversOf()
  for (const server of servers) {
    await makeDocumentedUser(server)
    await server.admin.call("ACL", "LOG", "RESET")
  }
  const told = new ToldClients()
  const folders = [temporaryFolder(), temporaryFolder()] as const
  const [first, second] = [
    await RedisGateway.start(folders[0], url, told, { REWARD_DURABILITY: "store" }),
    await RedisGateway.start(folders[1], url, told),
  ]
  onTestFinished(async () => void (await Promise.all([first.stop(), second.stop()])))
  for (const gateway of [first, second]) {
    for (let index = 0; index < 3; index++) expect(await gateway.predict()).toBe(200)
    expect(await gateway.reward()).toMatchObject({ status: 200, body: { status: "applied" } })
  }
  for (const gateway of [first, second]) {
    await expect.poll(() => countedBy(gateway), POLL).toEqual({ decisions: 6, rewards: 2, excluded: 0 })
    expect(await gateway.get("/admin/experiments/clicks/history")).toMatchObject({ status: 200 })
  }
  await Promise.all([first.stop(), second.stop()])

  const clients = await connectClients({ ...address, username: "gateway", password: "a-long-secret" })
  onTestFinished(() => clients.end())
  const store = createRedisCounterStore(clients, realClock, createRememberingLogger())
  await store.tidyUp()
  await store.contents()
  await store.reset()
  const keys = createRedisKeyStore(clients.reading)
  await keys.add(KEY)
  await keys.used([{ id: KEY.id, at: 2 }])
  expect(await keys.all()).toEqual([{ ...KEY, lastUsedAt: 2 }])
  expect(await keys.remove(KEY.id)).toBe(true)
  for (const server of servers) expect(await refusals(server)).toEqual([])
})

it("says at the start which rights the user lacks", async () => {
  const { servers, url } = await standalone()
  for (const server of servers) await makeDocumentedUser(server, "-zrem", "-hset")
  const gateway = await RedisGateway.start(temporaryFolder(), url, new ToldClients())
  onTestFinished(() => gateway.stop())
  const said = "the user in REDIS_URL lacks rights (hset, zrem); docs/redis.md lists all that it needs"
  expect(gateway.said).toContain(said)
  expect(await gateway.get("/readyz")).toMatchObject({
    body: { parts: { redis: { ready: false, detail: expect.stringContaining(said) } } },
  })
  expect(await gateway.predict()).toBe(200)
  for (const server of servers) await makeDocumentedUser(server)
  await expect.poll(() => gateway.get("/readyz"), POLL).toMatchObject({ body: { parts: { redis: { ready: true } } } })
})

it("says so of a cluster, too, whose client doesn't say why it isn't ready", async () => {
  const { servers, url } = await cluster()
  for (const server of servers) await makeDocumentedUser(server, "-cluster|info")
  const gateway = await RedisGateway.start(temporaryFolder(), url, new ToldClients())
  onTestFinished(() => gateway.stop())
  expect(await gateway.get("/readyz")).toMatchObject({
    body: {
      parts: {
        redis: { detail: expect.stringMatching(/'cluster\|info' command: the user in REDIS_URL lacks a right/) },
      },
    },
  })
})
