import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { type RedisServer, startRedis } from "#test/adapters/redis/redis-servers.ts"
import { GatewayProcess } from "#test/crash/gateway-process.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const KEYS = { SIGNING_KEYS: `k1:${"A".repeat(43)}`, UNIT_KEY: "B".repeat(43) }
const BODY = { experiment: "clicks", unitId: "u1", features: { hour: "14102100", banner_pos: "0" } }

async function post(url: string, body: unknown) {
  const headers = { "content-type": "application/json" }
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

async function started(redis: RedisServer, settings: Readonly<Record<string, string>>, folder = temporaryFolder()) {
  const url = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, SHUTDOWN_DELAY_SECONDS: "0" }
  const gateway = await GatewayProcess.start(folder, { ...KEYS, ...url, ...settings })
  const reward = async () => {
    const { status, body } = await post(`${gateway.address}/predict`, BODY)
    expect(status).toBe(200)
    return await post(`${gateway.address}/reward`, { decision: body["decision"], value: 1 })
  }
  return { gateway, reward, folder }
}

it("serves without Redis what it served with it, accepts rewards, and counts them when Redis is back", async () => {
  const redis = await startRedis(["appendonly yes"])
  onTestFinished(() => redis.stop())
  const first = await started(redis, {})
  expect(await first.reward()).toMatchObject({ status: 200, body: { status: "applied" } })
  expect(await first.gateway.stop()).toBe(0)
  redis.signal("SIGKILL")
  const { gateway, reward } = await started(redis, {}, first.folder)
  const { parts } = (await (await fetch(`${gateway.address}/readyz`)).json()) as { parts: Record<string, unknown> }
  expect(parts["redis"]).toMatchObject({
    ready: false,
    detail: expect.stringMatching(
      /^rewards are durable in the log in DATA_DIR \(log\); Redis can't be reached: connect ECONNREFUSED/,
    ),
  })
  expect(await reward()).toMatchObject({ status: 202, body: { status: "accepted" } })
  const answer = await fetch(`${gateway.address}/admin/experiments/clicks/allocation`)
  expect(await answer.json()).toMatchObject({ revision: 1 })
  await redis.restart()
  const totals = async () => {
    const response = await fetch(`${gateway.address}/admin/experiments/clicks/stats`)
    const { variants = [] } = (await response.json()) as { variants?: { rewards: number }[] }
    return variants.reduce((sum, variant) => sum + variant.rewards, 0)
  }
  await expect.poll(totals, { timeout: 20_000, interval: 250 }).toBe(2)
  expect(await gateway.stop()).toBe(0)
})

it("refuses rewards under REWARD_DURABILITY store while Redis is away, and takes none back that it answered", async () => {
  const redis = await startRedis(["appendonly yes", "appendfsync always"])
  onTestFinished(() => redis.stop())
  const { gateway, reward } = await started(redis, { REWARD_DURABILITY: "store" })
  expect(await reward()).toMatchObject({ status: 200, body: { status: "applied" } })
  const { parts } = (await (await fetch(`${gateway.address}/readyz`)).json()) as { parts: Record<string, unknown> }
  expect(parts["redis"]).toMatchObject({ ready: true, detail: "rewards are durable in Redis (store)" })
  redis.signal("SIGSTOP")
  expect(await reward()).toMatchObject({ status: 503, body: { code: "store_unavailable" } })
  redis.signal("SIGCONT")
  await expect.poll(async () => (await reward()).status, { timeout: 10_000 }).toBe(200)
  expect(await gateway.stop()).toBe(0)
})

it.each(["1", "2"])("serves though its checkpoints can't be read, with %s threads", async (threads) => {
  const redis = await startRedis(["appendonly yes"])
  onTestFinished(() => redis.stop())
  const folder = temporaryFolder()
  mkdirSync(join(folder, "data"))
  writeFileSync(join(folder, "data", "checkpoints"), "a file where a folder should be")
  const { gateway, reward } = await started(redis, { THREADS: threads }, folder)
  expect(await reward()).toMatchObject({ status: 202, body: { status: "accepted" } })
  expect(await gateway.stop()).toBe(0)
})
