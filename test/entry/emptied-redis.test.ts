import { existsSync } from "node:fs"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { type RedisServer, startRedis } from "#test/adapters/redis/redis-servers.ts"
import { GatewayProcess } from "#test/crash/gateway-process.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const KEYS = { SIGNING_KEYS: `k1:${"A".repeat(43)}`, UNIT_KEY: "B".repeat(43) }

async function post(url: string, body: unknown) {
  const headers = { "content-type": "application/json" }
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** A unit's decision and its reward. @returns the reward, to be sent again */
async function reward({ address }: GatewayProcess, unitId: string) {
  const features = { hour: "14102100", banner_pos: "0" }
  const { status, body } = await post(`${address}/predict`, { experiment: "clicks", unitId, features })
  expect(status).toBe(200)
  const given = { decision: body["decision"], value: 1 }
  await post(`${address}/reward`, given)
  return given
}

async function counted({ address }: GatewayProcess): Promise<number | undefined> {
  const response = await fetch(`${address}/admin/experiments/clicks/stats`)
  const { variants } = (await response.json()) as { variants?: { rewards: number }[] }
  return variants?.reduce((sum, variant) => sum + variant.rewards, 0)
}

async function redisPart({ address }: GatewayProcess) {
  const { parts } = (await (await fetch(`${address}/readyz`)).json()) as { parts: Record<string, { detail: string }> }
  return parts["redis"]?.detail
}

function settingsOf({ port }: RedisServer, threads: string): Readonly<Record<string, string>> {
  return { ...KEYS, REDIS_URL: `redis://127.0.0.1:${port}`, SHUTDOWN_DELAY_SECONDS: "0", THREADS: threads }
}

async function written(folder: string, checkpoint: number): Promise<void> {
  const file = join(folder, "data", "checkpoints", `0000000${checkpoint}.json.gz`)
  await expect.poll(() => existsSync(file), { timeout: 60_000 }).toBe(true)
}

/** A gateway with a checkpoint that has one reward: each start writes one, so that of a second has what the first counted. */
async function checkpointed(redis: RedisServer, threads: string) {
  const folder = temporaryFolder()
  const start = () => GatewayProcess.start(folder, settingsOf(redis, threads))
  const first = await start()
  const sent = await reward(first, "u1")
  await expect.poll(() => counted(first), { timeout: 60_000 }).toBe(1)
  expect(await first.stop()).toBe(0)
  const gateway = await start()
  await written(folder, 2)
  return { gateway, sent, start }
}

it.each(["1", "2"])(
  "learns on from its checkpoint when Redis is emptied under it and before a start, with %s threads",
  async (threads) => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const { gateway, sent, start } = await checkpointed(redis, threads)
    await redis.admin.flushall()
    await reward(gateway, "u2")
    await expect.poll(() => counted(gateway), { timeout: 60_000, interval: 250 }).toBe(2)
    expect(await post(`${gateway.address}/reward`, sent)).toMatchObject({ body: { status: "duplicate" } })
    expect(await gateway.stop()).toBe(0)

    await redis.admin.flushall()
    const next = await start()
    await expect.poll(() => counted(next), { timeout: 60_000, interval: 250 }).toBe(2)
    expect(await post(`${next.address}/reward`, sent)).toMatchObject({ body: { status: "duplicate" } })
    await expect.poll(() => redisPart(next), { timeout: 60_000 }).not.toContain("lost")
    expect(await next.stop()).toBe(0)
  },
  240_000,
)

it.each(["1", "2"])(
  "says nothing of what was lost while it was down and Redis away, with %s threads",
  async (threads) => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const { gateway, start } = await checkpointed(redis, threads)
    expect(await gateway.stop()).toBe(0)

    redis.signal("SIGKILL")
    const next = await start()
    await redis.restart()
    const said = new Set<number>()
    const say = async () => {
      const now = await counted(next)
      if (now !== undefined) said.add(now)
      return now
    }
    await expect.poll(say, { timeout: 60_000, interval: 10 }).toBe(1)
    expect(said).toEqual(new Set([1]))
    expect(await next.stop()).toBe(0)
  },
  240_000,
)

it("waits for no traffic where no checkpoint has what was counted", async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const folder = temporaryFolder()
  const gateway = await GatewayProcess.start(folder, settingsOf(redis, "1"))
  await written(folder, 1)
  await reward(gateway, "u1")
  await expect.poll(() => counted(gateway), { timeout: 10_000 }).toBe(1)
  await redis.admin.flushall()
  await expect.poll(() => counted(gateway), { timeout: 10_000 }).toBeUndefined()
  // Checkpoints are waited for for twenty seconds; a log is heard of every minute.
  await expect.poll(() => counted(gateway), { timeout: 45_000, interval: 250 }).toBe(1)
  expect(await gateway.stop()).toBe(0)
}, 120_000)
