import { setTimeout as sleep } from "node:timers/promises"
import seedrandom from "seedrandom"
import { expect, it, onTestFinished } from "vitest"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { connectClients } from "#test/adapters/redis/connected.ts"
import { addressOf, type RedisServer, startRedis, startWatched } from "#test/adapters/redis/redis-servers.ts"
import { FaultProxy } from "#test/chaos/fault-proxy.ts"
import { observe } from "#test/chaos/observe.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { countedBy, RedisGateway, ToldClients } from "./redis-gateway.ts"

const POLL = { timeout: 30_000, interval: 100 }
const DURABILITIES = ["log", "store"] as const
const ANSWERS = { log: [200, 202], store: [200, 503] } as const
/** Requests that each gateway answers before the failover and after it. */
const AROUND = 10

interface Failover {
  readonly url: string
  /** The server that is promoted. */
  readonly promoted: RedisServer
  failOver(): Promise<unknown> | void
}

async function withSentinel(): Promise<Failover> {
  const watched = await startWatched(["appendonly yes", "appendfsync always"])
  onTestFinished(() => watched.stop())
  return {
    url: `redis+sentinel://127.0.0.1:${watched.sentinel.port}/counters`,
    promoted: watched.replica,
    failOver: () => {
      // What comes now never reaches the replica.
      watched.replica.signal("SIGSTOP")
      setTimeout(() => {
        watched.master.signal("SIGKILL")
        watched.replica.signal("SIGCONT")
      }, 300)
    },
  }
}

/** As a name or an address that moves: the old master lives, and keeps the connections that it has. */
async function behindOneAddress(): Promise<Failover> {
  const settings = ["appendonly yes", "appendfsync always"]
  const master = await startRedis(settings)
  onTestFinished(() => master.stop())
  const replica = await startRedis([...settings, `replicaof 127.0.0.1 ${master.port}`, "repl-diskless-sync-delay 0"])
  onTestFinished(() => replica.stop())
  await expect.poll(() => replica.admin.info("replication"), POLL).toContain("master_link_status:up")
  const way = await FaultProxy.start(master.port, seedrandom("redis-failover"))
  onTestFinished(() => way.close())
  return {
    url: `redis://127.0.0.1:${way.port}`,
    promoted: replica,
    failOver: async () => {
      await replica.admin.replicaof("NO", "ONE")
      await master.admin.replicaof("127.0.0.1", replica.port)
      way.leadTo(replica.port)
    },
  }
}

it.each([
  ["sentinels promote a replica that lagged behind", withSentinel],
  ["another server takes over the master's address", behindOneAddress],
])(
  "answers predictions as before while %s, and counts every acknowledged reward once",
  {
    timeout: 120_000,
  },
  async (_, failoverOf) => {
    const failover = await failoverOf()
    const { url, promoted } = failover
    const told = new ToldClients()
    const folders: string[] = []
    const gateways = await Promise.all(
      DURABILITIES.map(async (durability) => {
        const folder = temporaryFolder()
        folders.push(folder)
        const gateway = await RedisGateway.start(folder, url, told, { REWARD_DURABILITY: durability })
        onTestFinished(() => gateway.stop())
        return { gateway, durability, answered: 0 }
      }),
    )
    const clients = { run: true }
    const playing = gateways.map(async (own) => {
      while (clients.run) {
        expect(await own.gateway.predict()).toBe(200)
        const { status } = await own.gateway.reward()
        expect(ANSWERS[own.durability]).toContain(status)
        own.answered += 1
        await sleep(5)
      }
    })
    const answeredByEach = () => Math.min(...gateways.map(({ answered }) => answered))
    await expect.poll(answeredByEach, POLL).toBeGreaterThan(AROUND)
    await failover.failOver()
    await expect.poll(() => promoted.admin.info("replication"), POLL).toContain("role:master")
    for (const { gateway } of gateways) {
      await expect.poll(() => gateway.metric("bandit_storage_failing"), POLL).toBe(0)
    }
    const before = answeredByEach()
    await expect.poll(answeredByEach, POLL).toBeGreaterThan(before + AROUND)
    clients.run = false
    await Promise.all(playing)

    for (const { gateway } of gateways) await expect.poll(() => gateway.insist(), POLL).toBe(0)
    const total = { decisions: told.decisions, rewards: told.acknowledged.size }
    for (const { gateway } of gateways) {
      await expect.poll(() => countedBy(gateway), POLL).toEqual({ ...total, excluded: 0 })
    }
    await Promise.all(gateways.map(({ gateway }) => gateway.stop()))
    const store = await connectClients(addressOf(promoted))
    onTestFinished(() => store.end())
    const counters = createRedisCounterStore(store, realClock, createRememberingLogger())
    const left = await observe(
      folders.map((folder) => `${folder}/data`),
      counters,
    )
    expect(left.checked).toMatchObject({ equal: true, unfolded: 0, differences: [] })
    expect(left.counters).toMatchObject(total)
  },
)
