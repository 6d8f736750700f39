import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { describe, expect, it, onTestFinished } from "vitest"
import { connect, type RedisAddress, untilReady } from "#src/adapters/redis/connection.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { addressOf, startCluster, startRedis, startWatched } from "./redis-servers.ts"

function connected(address: RedisAddress) {
  const client = connect(address, 250, createRememberingLogger())
  onTestFinished(() => client.disconnect())
  return client
}

describe("given Redis servers of their own", () => {
  it("reaches one, says so when it stops answering, and finds it again", async () => {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    const client = connected(addressOf(server))
    expect(await untilReady(client, 2_000)).toBe(true)
    expect(await client.set("a", "1")).toBe("OK")
    server.signal("SIGSTOP")
    await expect(client.get("a")).rejects.toThrow(/timed out/)
    server.signal("SIGCONT")
    await expect.poll(() => client.get("a").catch(() => "away"), { timeout: 5_000 }).toBe("1")
    server.signal("SIGKILL")
    await expect.poll(() => client.status, { timeout: 5_000 }).not.toBe("ready")
    await expect(client.get("a")).rejects.toThrow(/isn't writeable|closed/)
    await server.restart()
    expect(await untilReady(client, 5_000)).toBe(true)
    expect(await client.get("a")).toBeNull()
  })

  it("waits less for a server that refuses, and not so little that one which is about to come is missed", async () => {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    server.signal("SIGKILL")
    await server.ended()
    // Would outlast the test.
    const silentMs = 600_000
    expect(await untilReady(connected(addressOf(server)), silentMs, 200)).toBe(false)
    const waiting = untilReady(connected(addressOf(server)), silentMs, 30_000)
    await server.restart()
    expect(await waiting).toBe(true)
  })

  it("reaches the masters of a cluster", async () => {
    const cluster = await startCluster()
    onTestFinished(() => cluster.stop())
    const client = connected(cluster.address)
    expect(await untilReady(client, 5_000)).toBe(true)
    for (const key of ["{a}", "{b}", "{c}", "{d}"]) expect(await client.set(key, "1")).toBe("OK")
    const sizes = await Promise.all(cluster.masters.map(({ admin }) => admin.dbsize()))
    expect(sizes.filter((size) => size > 0).length).toBeGreaterThan(1)
  })

  it("follows sentinels to the replica that was promoted", async () => {
    const watched = await startWatched()
    onTestFinished(() => watched.stop())
    const client = connected(watched.address)
    expect(await untilReady(client, 5_000)).toBe(true)
    await client.set("a", "1")
    await watched.master.admin.wait(1, 1_000)
    watched.master.signal("SIGKILL")
    await expect.poll(() => client.set("a", "2").catch(() => "away"), { timeout: 15_000 }).toBe("OK")
    expect(await watched.replica.admin.get("a")).toBe("2")
  })

  it("passes over a sentinel that takes connections and says nothing", async () => {
    const watched = await startWatched()
    onTestFinished(() => watched.stop())
    const silent = createServer((socket) => void socket.on("error", () => socket.destroy()))
    silent.listen(0, "127.0.0.1")
    await once(silent, "listening")
    onTestFinished(() => void silent.close())
    const { port } = silent.address() as AddressInfo
    const nodes = [{ host: "127.0.0.1", port }, ...watched.address.nodes]
    const client = connected({ ...watched.address, nodes })
    expect(await untilReady(client, 10_000)).toBe(true)
    expect(await client.set("a", "1")).toBe("OK")
  })
})
