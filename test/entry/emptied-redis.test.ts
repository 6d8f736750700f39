import { existsSync } from "node:fs"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { startRedis } from "#test/adapters/redis/redis-servers.ts"
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

it.each(["1", "2"])(
  "learns on from its checkpoint when Redis is emptied under it and before a start, with %s threads",
  async (threads) => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const folder = temporaryFolder()
    const settings = {
      ...KEYS,
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      SHUTDOWN_DELAY_SECONDS: "0",
      THREADS: threads,
    }
    const first = await GatewayProcess.start(folder, settings)
    const sent = await reward(first, "u1")
    await expect.poll(() => counted(first), { timeout: 60_000 }).toBe(1)
    expect(await first.stop()).toBe(0)

    const second = await GatewayProcess.start(folder, settings)
    const checkpoint = join(folder, "data", "checkpoints", "00000001.json.gz")
    await expect.poll(() => existsSync(checkpoint), { timeout: 60_000 }).toBe(true)
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
