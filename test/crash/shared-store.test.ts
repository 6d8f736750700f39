import { join } from "node:path"
import seedrandom from "seedrandom"
import { expect, it, onTestFinished } from "vitest"
import { logFolders } from "#src/adapters/ndjson/log-folders.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { check } from "#src/app/rebuild.ts"
import { DECISIONS } from "#src/domain/counters.ts"
import { connectClients } from "#test/adapters/redis/connected.ts"
import { addressOf, startRedis } from "#test/adapters/redis/redis-servers.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { AdTraffic } from "./ad-traffic.ts"
import { GatewayProcess } from "./gateway-process.ts"

const SEED = process.env["SEED"] ?? String(Date.now())
const GATEWAYS = 4
const ROUNDS = 5
const ROUND_MS = 1_500

/** What gateways that share a store share besides. */
const KEYS = { SIGNING_KEYS: `k1:${"A".repeat(43)}`, UNIT_KEY: "B".repeat(43) }

async function allocationsOf(address: string): Promise<unknown> {
  const response = await fetch(`${address}/admin/experiments/clicks/allocation`)
  const { revision, allocation } = (await response.json()) as { revision: number; allocation: unknown }
  return { revision, allocation }
}

it(`counts what ${GATEWAYS} gateways acknowledge once, through kills, a frozen gateway and a Redis that goes and comes (SEED=${SEED})`, {
  timeout: 240_000,
}, async () => {
  const redis = await startRedis(["appendonly yes", "appendfsync always"])
  onTestFinished(() => redis.stop())
  const folders = Array.from({ length: GATEWAYS }, () => temporaryFolder())
  const compiled = temporaryFolder()
  const settings = { ...KEYS, REDIS_URL: `redis://127.0.0.1:${redis.port}`, NODE_COMPILE_CACHE: compiled }
  const start = (index: number) =>
    GatewayProcess.start(folders[index] ?? "", { ...settings, THREADS: index === 0 ? "2" : "1" })
  const gateways = await Promise.all(folders.map((_, index) => start(index)))
  const random = seedrandom(SEED)
  const traffic = new AdTraffic(random)
  for (let round = 0; round < ROUNDS; round++) {
    let running = true
    const playing = gateways.map(({ address }) => traffic.play(address, 2, () => running))
    const victim = Math.floor(random() * GATEWAYS)
    await new Promise((resolve) => setTimeout(resolve, random() * ROUND_MS))
    await gateways[victim]?.kill()
    if (round === 1) {
      redis.signal("SIGKILL")
      await new Promise((resolve) => setTimeout(resolve, ROUND_MS))
      await redis.restart()
    }
    const frozen = gateways[(victim + 1) % GATEWAYS]
    frozen?.signal("SIGSTOP")
    await new Promise((resolve) => setTimeout(resolve, ROUND_MS))
    frozen?.signal("SIGCONT")
    running = false
    await Promise.all(playing)
    gateways[victim] = await start(victim)
  }
  // All serve one allocation soon after the last reward.
  await expect
    .poll(
      async () => {
        const known = await Promise.all(gateways.map(({ address }) => allocationsOf(address)))
        return new Set(known.map((allocation) => JSON.stringify(allocation))).size
      },
      { timeout: 20_000, interval: 500 },
    )
    .toBe(1)
  // A client that tries again goes to another gateway than before.
  await traffic.insist(gateways[0]?.address ?? "")
  for (const gateway of gateways) expect(await gateway.stop()).toBe(0)

  const { decisions, postbacks } = traffic
  expect(decisions.length).toBeGreaterThan(100)
  expect(postbacks.filter(({ acknowledged }) => !acknowledged)).toEqual([])
  expect(postbacks.filter(({ applied }) => applied > 1)).toEqual([])
  const clients = await connectClients(addressOf(redis))
  onTestFinished(() => clients.end())
  const store = createRedisCounterStore(clients, realClock, createRememberingLogger())
  const logs = await Promise.all(folders.map((folder) => logFolders(join(folder, "data"))))
  const readers = logs.flat().map(({ folder }) => createOutcomeReader(folder))
  const checked = await check({ readers, archive: store, now: Date.now() }, () => {})
  expect(checked).toMatchObject({ equal: true, unfolded: 0, differences: [] })
  const rewards = (await store.contents()).cells.filter(({ metric }) => metric !== DECISIONS)
  const rewarded = new Set(postbacks.map(({ decisionId }) => decisionId)).size
  expect(rewards.reduce((sum, { count }) => sum + count, 0)).toBe(rewarded)
  process.stdout.write(
    `${traffic.attempts} requests: ${decisions.length} decisions answered, ${postbacks.length} rewards acknowledged, ${traffic.replays} replays\n`,
  )
})
