import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { expect, it, onTestFinished } from "vitest"
import { PUBLISHED } from "#src/adapters/redis/keys.ts"
import { openSharedStore } from "#src/entry/shared-store.ts"
import { addressOf, startRedis } from "#test/adapters/redis/redis-servers.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"

/** A way to Redis on which whoever subscribes may be cut off at once. */
async function wayTo(redisPort: number) {
  const way = { port: 0, cuts: false, subscribers: [] as Socket[], cut: 0 }
  const server = createServer((client) => {
    const redis = connect(redisPort, "127.0.0.1")
    client.on("data", (bytes: Buffer) => {
      if (!/\bsubscribe\b/i.test(bytes.toString())) {
        redis.write(bytes)
      } else if (way.cuts) {
        way.cut += 1
        client.resetAndDestroy()
      } else {
        way.subscribers.push(client)
        redis.write(bytes)
      }
    })
    redis.pipe(client)
    for (const [one, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      one.on("error", () => {})
      one.on("close", () => other.destroy())
    }
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => void server.close())
  way.port = (server.address() as AddressInfo).port
  return way
}

it("outlives a Redis that is lost while it is subscribed to, again and again, and hears what is published then", async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const way = await wayTo(redis.port)
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  process.on("unhandledRejection", note)
  onTestFinished(() => void process.off("unhandledRejection", note))
  const store = await openSharedStore(addressOf(way), "log", realClock, createRememberingLogger())
  onTestFinished(() => store.close())
  let heard = 0
  store.onPublished(() => {
    heard += 1
  })
  await expect.poll(() => way.subscribers.length).toBe(1)
  way.cuts = true
  way.subscribers[0]?.resetAndDestroy()
  await expect.poll(() => way.cut, { timeout: 10_000 }).toBeGreaterThan(2)
  way.cuts = false
  await expect.poll(() => way.subscribers.length, { timeout: 10_000 }).toBe(2)
  await expect
    .poll(async () => {
      await redis.admin.publish(PUBLISHED, "clicks")
      return heard
    })
    .toBeGreaterThan(0)
  expect(unhandled).toEqual([])
})
