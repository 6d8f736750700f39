import { setTimeout as sleep } from "node:timers/promises"
import seedrandom from "seedrandom"
import { expect, it, onTestFinished } from "vitest"
import { readStream } from "#src/adapters/kinesis/stream-reader.ts"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { LocalKinesis, STREAM } from "#test/adapters/kinesis/local-kinesis.ts"
import { connectClients } from "#test/adapters/redis/connected.ts"
import { addressOf, type RedisServer, startRedis } from "#test/adapters/redis/redis-servers.ts"
import { AdTraffic } from "#test/crash/ad-traffic.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { type Fault, letFaultsHappen } from "./fault.ts"
import { FaultProxy, type Faults } from "./fault-proxy.ts"
import { Fleet } from "./fleet.ts"
import { observe } from "./observe.ts"
import { reconcile } from "./reconcile.ts"

const MINUTES = Number(process.env["MINUTES"] ?? 2)
const SEED = process.env["SEED"] ?? String(Date.now())
const GATEWAYS = 3
const CLIENTS = 4
const PACE = { lasts: [500, 3_000], quiet: [200, 1_500] } as const
/** Longer than anything that a healed fault leaves to be done. */
const SETTLED_WITHIN_MS = 60_000

const NETWORK: Readonly<Record<string, Faults>> = {
  "is slow": { latencyMs: 100, jitterMs: 400 },
  "has little bandwidth": { bandwidth: 32_768 },
  "comes in slices": { sliceBytes: 7 },
  "loses replies": { cutReply: 0.2 },
  "is a black hole": { blackHole: true },
  refuses: { refuse: true },
}

function networkFaults(name: string, proxy: FaultProxy): readonly Fault[] {
  return Object.entries(NETWORK).map(([what, faults]) => ({
    name: `${name} ${what}`,
    strike: () => proxy.suffer(faults),
    heal: () => proxy.heal(),
  }))
}

function redisFaults(redis: RedisServer): readonly Fault[] {
  return [
    { name: "Redis is killed", strike: () => redis.signal("SIGKILL"), heal: () => redis.restart() },
    { name: "Redis freezes", strike: () => redis.signal("SIGSTOP"), heal: () => redis.signal("SIGCONT") },
  ]
}

function gatewayFaults(fleet: Fleet, index: number): readonly Fault[] {
  const name = `gateway ${index + 1}`
  const freeze = () => fleet.signal(index, "SIGSTOP")
  return [
    { name: `${name} is killed`, strike: () => fleet.kill(index), heal: () => fleet.revive(index) },
    { name: `${name} freezes`, strike: freeze, heal: () => fleet.signal(index, "SIGCONT") },
  ]
}

async function allocationsOf({ addresses }: Fleet): Promise<ReadonlySet<string>> {
  const answers = addresses.map(async (address) => {
    const response = await fetch(`${address}/admin/experiments/clicks/allocation`)
    const { revision, allocation } = (await response.json()) as { revision: number; allocation: unknown }
    return JSON.stringify({ revision, allocation })
  })
  return new Set(await Promise.all(answers))
}

async function streamedIds(kinesis: LocalKinesis): Promise<ReadonlySet<string>> {
  const ids = new Set<string>()
  const reading = { stream: STREAM, follow: false, now: () => Date.now(), sleep, client: kinesis.connection }
  for await (const { lines } of readStream(reading)) {
    for (const line of lines) ids.add((JSON.parse(line) as { eventId: string }).eventId)
  }
  return ids
}

it(`loses and doubles nothing in ${MINUTES} minutes of faults (SEED=${SEED} MINUTES=${MINUTES} npx vitest run --project node test/chaos)`, {
  timeout: MINUTES * 60_000 + 5 * SETTLED_WITHIN_MS,
}, async () => {
  const random = seedrandom(SEED)
  const redis = await startRedis(["appendonly yes", "appendfsync always"])
  onTestFinished(() => redis.stop())
  const kinesis = await LocalKinesis.start()
  const redisProxy = await FaultProxy.start(redis.port, seedrandom(`${SEED}-redis`))
  const kinesisProxy = await FaultProxy.start(
    Number(new URL(kinesis.connection.endpoint).port),
    seedrandom(`${SEED}-kinesis`),
  )
  onTestFinished(async () => void (await Promise.all([redisProxy.close(), kinesisProxy.close()])))
  const fleet = await Fleet.start(GATEWAYS, {
    REDIS_URL: `redis://127.0.0.1:${redisProxy.port}`,
    ...kinesis.environment,
    AWS_ENDPOINT_URL_KINESIS: `http://127.0.0.1:${kinesisProxy.port}`,
    KINESIS_STREAM: STREAM,
    KINESIS_DRAIN_SECONDS: "60",
  })
  const traffic = new AdTraffic(random)
  const pick = () => fleet.addresses[Math.floor(random() * fleet.addresses.length)] ?? ""
  let running = true
  const playing = traffic.play(pick, CLIENTS, () => running)
  const faults = [
    ...networkFaults("the way to Redis", redisProxy),
    ...networkFaults("the way to Kinesis", kinesisProxy),
    ...redisFaults(redis),
    ...[0, 1, 2].flatMap((index) => gatewayFaults(fleet, index)),
  ]
  const happened: string[] = []
  await letFaultsHappen(faults, PACE, performance.now() + MINUTES * 60_000, random, (line) => happened.push(line))
  running = false
  await playing
  // Clients that try again go to other gateways than before, until every reward is acknowledged.
  await expect.poll(() => traffic.insist(pick()), { timeout: SETTLED_WITHIN_MS, interval: 500 }).toBe(0)
  await expect.poll(() => allocationsOf(fleet), { timeout: SETTLED_WITHIN_MS, interval: 500 }).toHaveProperty("size", 1)
  expect(await fleet.stop()).toEqual(Array(GATEWAYS).fill(0))

  const clients = await connectClients(addressOf(redis))
  onTestFinished(() => clients.end())
  const store = createRedisCounterStore(clients, realClock, createRememberingLogger())
  const { checked, events, counters } = await observe(fleet.dataDirs, store)
  const streamed = await streamedIds(kinesis)
  expect({ wrong: reconcile(traffic, { events, counters, streamed }), happened }).toEqual({ wrong: [], happened })
  expect(checked).toMatchObject({ equal: true, unfolded: 0, differences: [] })
  expect(traffic.decisions.length).toBeGreaterThan(100)
  process.stdout.write(
    `${happened.length} faults, ${redisProxy.cuts + kinesisProxy.cuts} replies cut. ${traffic.attempts} requests: ${traffic.decisions.length} decisions ` +
      `answered and ${traffic.unanswered} not, ${traffic.postbacks.length} rewards acknowledged, ${traffic.replays} replays\n`,
  )
})
