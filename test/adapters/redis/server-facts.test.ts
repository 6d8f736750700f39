import { expect, it, onTestFinished } from "vitest"
import { readServerFacts, unkeptPromises } from "#src/adapters/redis/server-facts.ts"
import { connectClients } from "./connected.ts"
import { addressOf, startRedis } from "./redis-servers.ts"

async function started(...settings: readonly string[]) {
  const server = await startRedis(settings)
  onTestFinished(() => server.stop())
  const clients = await connectClients(addressOf(server))
  onTestFinished(() => clients.end())
  return { server, promises: async () => unkeptPromises(await readServerFacts(clients.reading, "store"), "store") }
}

const KEPT = ["appendonly yes", "appendfsync always"] as const

it.each([
  ["nothing of what is kept", KEPT, []],
  ["a file that isn't", [], [/^appendonly is off: .*set appendonly yes/]],
  [
    "a sync once a second",
    ["appendonly yes", "appendfsync everysec"],
    [/^appendfsync is everysec: .*set it to always/],
  ],
  ["evicted keys", [...KEPT, "maxmemory-policy allkeys-lru"], [/^maxmemory-policy is allkeys-lru: .*set noeviction/]],
  ["full memory", [...KEPT, "maxmemory 1mb"], [/^maxmemory is reached: nothing is counted/]],
  ["a replica", [...KEPT, "replicaof 127.0.0.1 1"], [/^it is a replica and takes no writes/]],
])("says of %s what isn't promised, and what would be right", async (_, settings, expected) => {
  const { promises } = await started(...settings)
  expect(await promises()).toEqual(expected.map((said) => expect.stringMatching(said)))
})

it("says that a failover may lose what no replica needs to have", async () => {
  const { server, promises } = await started(...KEPT)
  const replica = await startRedis([`replicaof 127.0.0.1 ${server.port}`, "repl-diskless-sync-delay 0"])
  onTestFinished(() => replica.stop())
  await expect.poll(promises, { timeout: 20_000 }).toEqual([expect.stringMatching(/^min-replicas-to-write is 0: /)])
  await server.admin.config("SET", "min-replicas-to-write", "1")
  expect(await promises()).toEqual([])
})
