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

/** Each start writes one: that of a second has what the first counted. */
function secondCheckpointIn(folder: string): string {
  return join(folder, "data", "checkpoints", "00000002.json.gz")
}

it.each(["1", "2"])(
  "learns on from its checkpoint when Redis is emptied under it and before a start, with %s threads",
  async (threads) => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const folder = temporaryFolder()
    const settings = settingsOf(redis, threads)
    const first = await GatewayProcess.start(folder, settings)
    const sent = await reward(first, "u1")
    await expect.poll(() => counted(first), { timeout: 60_000 }).toBe(1)
    expect(await first.stop()).toBe(0)

    const second = await GatewayProcess.start(folder, settings)
    await expect.poll(() => existsSync(secondCheckpointIn(folder)), { timeout: 60_000 }).toBe(true)
    await redis.admin.flushall()
    await reward(second, "u2")
    await expect.poll(() => counted(second), { timeout: 60_000, interval: 250 }).toBe(2)
    expect(await post(`${second.address}/reward`, sent)).toMatchObject({ body: { status: "duplicate" } })
    expect(await second.stop()).toBe(0)

    await redis.admin.flushall()
    const third = await GatewayProcess.start(folder, settings)
    await expect.poll(() => counted(third), { timeout: 60_000, interval: 250 }).toBe(2)
    expect(await post(`${third.address}/reward`, sent)).toMatchObject({ body: { status: "duplicate" } })
    await expect.poll(() => redisPart(third), { timeout: 60_000 }).not.toContain("lost")
    expect(await third.stop()).toBe(0)
  },
  240_000,
)

it.each(["1", "2"])(
  "says nothing of what was lost while it was down and Redis away, with %s threads",
  async (threads) => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const folder = temporaryFolder()
    const settings = settingsOf(redis, threads)
    const first = await GatewayProcess.start(folder, settings)
    await reward(first, "u1")
    await expect.poll(() => counted(first), { timeout: 60_000 }).toBe(1)
    expect(await first.stop()).toBe(0)
    const second = await GatewayProcess.start(folder, settings)
    await expect.poll(() => existsSync(secondCheckpointIn(folder)), { timeout: 60_000 }).toBe(true)
    expect(await second.stop()).toBe(0)

    redis.signal("SIGKILL")
    const third = await GatewayProcess.start(folder, settings)
    await redis.restart()
    const said = new Set<number | undefined>()
    const say = async () => {
      const now = await counted(third)
      said.add(now)
      return now
    }
    await expect.poll(say, { timeout: 60_000, interval: 10 }).toBe(1)
    expect(said).toEqual(new Set([undefined, 1]))
    expect(await third.stop()).toBe(0)
  },
  240_000,
)

it("waits for no traffic where nobody has a checkpoint", async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const gateway = await GatewayProcess.start(temporaryFolder(), settingsOf(redis, "1"))
  await reward(gateway, "u1")
  await expect.poll(() => counted(gateway), { timeout: 10_000 }).toBe(1)
  await redis.admin.flushall()
  await expect.poll(() => counted(gateway), { timeout: 10_000 }).toBeUndefined()
  // Checkpoints are waited for for twenty seconds; a log is heard of every minute.
  await expect.poll(() => counted(gateway), { timeout: 45_000, interval: 250 }).toBe(1)
  expect(await gateway.stop()).toBe(0)
}, 120_000)
