import { rmSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import seedrandom from "seedrandom"
import { expect, onTestFinished } from "vitest"
import { readStream } from "#src/adapters/kinesis/stream-reader.ts"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { LocalKinesis, STREAM } from "#test/adapters/kinesis/local-kinesis.ts"
import { connectClients } from "#test/adapters/redis/connected.ts"
import { addressOf, startRedis } from "#test/adapters/redis/redis-servers.ts"
import { AdTraffic } from "#test/crash/ad-traffic.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { CountedDecisions } from "./counted-decisions.ts"
import { type Fault, letFaultsHappen } from "./fault.ts"
import { FaultProxy } from "./fault-proxy.ts"
import { emptyings, freezes, kills, networkFaults, returns, type Victims } from "./faults.ts"
import { Fleet } from "./fleet.ts"
import { observe } from "./observe.ts"
import { type LogLoss, reconcile } from "./reconcile.ts"
import { SyncedBytes } from "./synced-bytes.ts"

/**
 * What a power failure leaves of a killed process. `log`: of each file what was synced. `store`: of Redis what was synced, of a gateway nothing;
 * rewards are durable in Redis then.
 */
export type PowerFailure = "log" | "store"

export interface ChaosPlan {
  readonly seed: string
  /** It goes on at least so long, and at least until so many rewards were sent. */
  readonly minutes: number
  readonly rewards: number
  /** Gateways and Redis are killed at least so often each, beside each other, and nothing else happens. Undefined: every fault, one at a time. */
  readonly kills?: number | undefined
  /** Undefined: what was written stays. */
  readonly power?: PowerFailure | undefined
}

export interface ChaosReport {
  /** What was lost, doubled or made up, and what a rebuild would change. */
  readonly wrong: readonly string[]
  readonly happened: readonly string[]
  readonly decisions: number
  /** What happened, in numbers. */
  readonly summary: string
}

const GATEWAYS = 3
/** Rewards come by the million only where a request has those of several decisions. */
const DECISIONS_AT_ONCE = 60
const PACE = { lasts: [500, 3_000], quiet: [200, 1_500] } as const
const KILLING_PACE = { lasts: [0, 500], quiet: [200, 1_500] } as const
/** By so many decisions of an experiment each thread has had some. */
const MET_BY_ALL = 100
/** Longer than anything that a healed fault leaves to be done. */
const SETTLED = { timeout: 180_000, interval: 500 }
const LOSS: Readonly<Record<PowerFailure, LogLoss>> = { log: "unsynced decisions", store: "disks" }

/** Gateways, Redis and Kinesis in a test, traffic and faults; in the end everything that clients know is compared with everything that is left. */
export async function runChaos(plan: ChaosPlan): Promise<ChaosReport> {
  const { seed, power } = plan
  const world = await createWorld(plan)
  const { fleet, redis, kinesis, proxies } = world
  const traffic =
    plan.kills === undefined ? new AdTraffic(seedrandom(seed)) : new AdTraffic(seedrandom(seed), DECISIONS_AT_ONCE)
  const target = seedrandom(`${seed}-target`)
  const pick = () => fleet.addresses[Math.floor(target() * fleet.addresses.length)] ?? ""
  let running = true
  const playing = traffic.play(pick, plan.kills === undefined ? 4 : 12, () => running)
  const counted = new CountedDecisions()
  const watching = counted.watch(pick, () => running)
  // A thread that has met no counters yet can't know that they were lost.
  await expect.poll(() => counted.areWhole(fleet.addresses, MET_BY_ALL), SETTLED).toBe(true)
  const happened = await strike(plan, world, traffic)
  running = false
  await Promise.all([playing, watching])
  // Clients that try again go to other gateways than before, until every reward is acknowledged.
  await expect.poll(() => traffic.insist(pick()), SETTLED).toBe(0)
  await expect.poll(() => counted.areWhole(fleet.addresses), SETTLED).toBe(true)
  await expect.poll(() => allocationsOf(fleet), SETTLED).toHaveProperty("size", 1)
  expect(await fleet.stop()).toEqual(Array(GATEWAYS).fill(0))
  if (plan.kills !== undefined) {
    // A stop folds for some seconds. What it leaves of rewards by the million is folded by the next start.
    await Promise.all(Array.from({ length: GATEWAYS }, (_, index) => fleet.revive(index)))
    expect(await fleet.stop()).toEqual(Array(GATEWAYS).fill(0))
  }

  const clients = await connectClients(addressOf(redis))
  onTestFinished(() => clients.end())
  const store = createRedisCounterStore(clients, realClock, createRememberingLogger())
  const { checked, events, counters } = await observe(fleet.dataDirs, store)
  const stream = kinesis === undefined ? undefined : await streamedBy(kinesis)
  const emptied = happened.filter((line) => /^Redis is (emptied|killed and)/.test(line)).length
  const wrong = [
    ...reconcile(traffic, { events, counters, streamed: stream?.ids, emptied }, power && LOSS[power]),
    ...counted.wrong,
  ]
  if (power !== "store" && !(checked.equal && checked.unfolded === 0))
    wrong.push(`a rebuild would change the counters: ${JSON.stringify(checked)}`)
  const { requests, decisions, unanswered, postbacks, rewardsSent, replays } = traffic
  const cuts = proxies.reduce((sum, proxy) => sum + proxy.cuts, 0)
  const summary = [
    `${happened.length} faults, of them ${happened.filter((line) => /^gateway \d+ is killed/.test(line)).length} kills of gateways and`,
    `${happened.filter((line) => line.startsWith("Redis is killed")).length} of Redis, which lost data ${emptied} times; ${cuts} replies cut; ${world.bytesCut()} unsynced bytes cut.`,
    `Statistics were whole ${counted.looks.whole} times, and lacking ${counted.looks.lacking} times.`,
    `Starts of gateways took at most ${(fleet.slowestStartMs / 1000).toFixed(1)} s.`,
    `${requests} requests: ${decisions.length} decisions answered and ${unanswered} not; ${rewardsSent} rewards sent, of them ${replays} replays,`,
    `for ${postbacks.length} acknowledged postbacks.`,
    stream === undefined ? "" : `The stream has ${stream.ids.size} events, ${stream.repeated} of them more than once.`,
  ].join(" ")
  return { wrong, happened, decisions: decisions.length, summary }
}

interface World extends Victims {
  readonly kinesis: LocalKinesis | undefined
  readonly proxies: readonly FaultProxy[]
  /** The ways to Redis and Kinesis by name, with what may happen on them. */
  readonly network: readonly Fault[]
  bytesCut(): number
}

async function createWorld({ seed, kills: only, power }: ChaosPlan): Promise<World> {
  const synced = power === undefined ? undefined : await SyncedBytes.watch()
  const watched = synced?.environment ?? {}
  // A file that Redis makes anew could take the number of one that is gone.
  const settings = [
    "appendonly yes",
    "appendfsync always",
    ...(power === undefined ? [] : ["auto-aof-rewrite-percentage 0"]),
  ]
  const redis = await startRedis(settings, [], watched)
  onTestFinished(() => redis.stop())
  const redisProxy = await FaultProxy.start(redis.port, seedrandom(`${seed}-redis`))
  const proxies = [redisProxy]
  const network = [...networkFaults("the way to Redis", redisProxy)]
  let stream: Readonly<Record<string, string>> = {}
  let kinesis: LocalKinesis | undefined
  // Of a million events a stream in this process would take the memory.
  if (only === undefined) {
    kinesis = await LocalKinesis.start()
    const proxy = await FaultProxy.start(
      Number(new URL(kinesis.connection.endpoint).port),
      seedrandom(`${seed}-kinesis`),
    )
    proxies.push(proxy)
    network.push(...networkFaults("the way to Kinesis", proxy))
    stream = {
      ...kinesis.environment,
      AWS_ENDPOINT_URL_KINESIS: `http://127.0.0.1:${proxy.port}`,
      KINESIS_STREAM: STREAM,
      KINESIS_DRAIN_SECONDS: "60",
    }
  }
  onTestFinished(async () => void (await Promise.all(proxies.map((proxy) => proxy.close()))))
  const fleet = await Fleet.start(GATEWAYS, {
    REDIS_URL: `redis://127.0.0.1:${redisProxy.port}`,
    REWARD_DURABILITY: power ?? "log",
    ...stream,
    ...watched,
  })
  let bytesCut = 0
  const cut = (folder: string, ending: string): void => {
    bytesCut += synced?.cut(folder, ending) ?? 0
  }
  return {
    fleet,
    redis,
    kinesis,
    proxies,
    network,
    bytesCut: () => bytesCut,
    afterKill: {
      redis: () => cut(redis.folder, ".aof"),
      gateway: (dataDir) => {
        if (power === "store") rmSync(dataDir, { recursive: true })
        else cut(dataDir, ".ndjson")
      },
    },
  }
}

/** @returns what happened, a line each */
async function strike(plan: ChaosPlan, world: World, traffic: AdTraffic): Promise<readonly string[]> {
  const untilMs = performance.now() + plan.minutes * 60_000
  const { ofGateways, ofRedis } = kills(world)
  const lanes =
    plan.kills === undefined
      ? [
          [
            ...world.network,
            ...ofGateways,
            ...ofRedis,
            ...freezes(world),
            ...(plan.power === "store" ? [] : [...emptyings(world), ...returns(world)]),
          ],
        ]
      : [ofGateways, ofRedis]
  const happened = lanes.map((faults, lane) => {
    const lines: string[] = []
    const enough = () =>
      lines.length >= (plan.kills ?? 0) && traffic.rewardsSent >= plan.rewards && performance.now() >= untilMs
    const pace = plan.kills === undefined ? PACE : KILLING_PACE
    const done = letFaultsHappen(faults, pace, enough, seedrandom(`${plan.seed}-${lane}`), (line) => lines.push(line))
    return { lines, done }
  })
  await Promise.all(happened.map(({ done }) => done))
  return happened.flatMap(({ lines }) => lines)
}

async function allocationsOf({ addresses }: Fleet): Promise<ReadonlySet<string>> {
  const answers = addresses.map(async (address) => {
    const response = await fetch(`${address}/admin/experiments/clicks/allocation`)
    const { revision, allocation } = (await response.json()) as { revision: number; allocation: unknown }
    return JSON.stringify({ revision, allocation })
  })
  return new Set(await Promise.all(answers))
}

/** The events of a stream, and how many of them it has more than once. */
async function streamedBy(
  kinesis: LocalKinesis,
): Promise<{ readonly ids: ReadonlySet<string>; readonly repeated: number }> {
  const ids = new Set<string>()
  const repeated = new Set<string>()
  const reading = { stream: STREAM, follow: false, now: () => Date.now(), sleep, client: kinesis.connection }
  for await (const { lines } of readStream(reading)) {
    for (const line of lines) {
      const { eventId } = JSON.parse(line) as { eventId: string }
      if (ids.has(eventId)) repeated.add(eventId)
      ids.add(eventId)
    }
  }
  return { ids, repeated: repeated.size }
}
