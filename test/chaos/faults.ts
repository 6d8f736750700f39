import { cpSync, existsSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { RedisServer } from "#test/adapters/redis/redis-servers.ts"
import type { Fault } from "./fault.ts"
import type { FaultProxy, Faults } from "./fault-proxy.ts"
import type { Fleet } from "./fleet.ts"

/** What can be killed or frozen. */
export interface Victims {
  readonly fleet: Fleet
  readonly redis: RedisServer
  /** What a kill does to files besides, once the process has ended. */
  readonly afterKill: { redis(): void; gateway(dataDir: string): void }
}

const NETWORK: Readonly<Record<string, Faults>> = {
  "is slow": { latencyMs: 100, jitterMs: 400 },
  "has little bandwidth": { bandwidth: 32_768 },
  "comes in slices": { sliceBytes: 7 },
  "loses replies": { cutReply: 0.2 },
  "is a black hole": { blackHole: true },
  refuses: { refuse: true },
}

export function networkFaults(name: string, proxy: FaultProxy): readonly Fault[] {
  return Object.entries(NETWORK).map(([what, faults]) => ({
    name: `${name} ${what}`,
    strike: () => proxy.suffer(faults),
    heal: () => proxy.heal(),
  }))
}

export function kills({ fleet, redis, afterKill }: Victims): {
  readonly ofGateways: readonly Fault[]
  readonly ofRedis: readonly Fault[]
} {
  const ofGateways = fleet.dataDirs.map((dataDir, index) => ({
    name: `gateway ${index + 1} is killed`,
    strike: async () => {
      await fleet.kill(index)
      afterKill.gateway(dataDir)
    },
    heal: () => fleet.revive(index),
  }))
  const ofRedis = {
    name: "Redis is killed",
    strike: async () => {
      await killed(redis)
      afterKill.redis()
    },
    heal: () => redis.restart(),
  }
  return { ofGateways, ofRedis: [ofRedis] }
}

async function killed(redis: RedisServer): Promise<void> {
  redis.signal("SIGKILL")
  await redis.ended()
}

/** What Redis has appended of what it was told. */
function filesOf({ folder }: RedisServer): string {
  return join(folder, "appendonlydir")
}

/** Redis forgets everything. The gateways' folders are there: nothing is lost with it. */
export function emptyings({ redis }: Victims): readonly Fault[] {
  return [
    { name: "Redis is emptied", strike: async () => void (await redis.admin.flushall()), heal: () => {} },
    {
      name: "Redis is killed and loses its files",
      strike: async () => {
        await killed(redis)
        rmSync(filesOf(redis), { recursive: true })
      },
      heal: () => redis.restart(),
    },
  ]
}

/** Redis comes back as it was two seconds ago, and later as it was the time before. */
export function returns({ redis }: Victims): readonly Fault[] {
  const files = filesOf(redis)
  const older = `${files}-older`
  const newer = `${files}-newer`
  const keepNewer = async () => {
    await killed(redis)
    cpSync(files, newer, { recursive: true })
  }
  return [
    {
      name: "Redis is killed and comes back with older files",
      strike: async () => {
        await keepNewer()
        if (!existsSync(older)) {
          renameSync(newer, older)
          await redis.restart()
          await sleep(2_000)
          await keepNewer()
        }
        rmSync(files, { recursive: true })
        renameSync(older, files)
        renameSync(newer, older)
      },
      heal: () => redis.restart(),
    },
  ]
}

export function freezes({ fleet, redis }: Victims): readonly Fault[] {
  return [
    ...fleet.dataDirs.map((_, index) => ({
      name: `gateway ${index + 1} freezes`,
      strike: () => fleet.signal(index, "SIGSTOP"),
      heal: () => fleet.signal(index, "SIGCONT"),
    })),
    { name: "Redis freezes", strike: () => redis.signal("SIGSTOP"), heal: () => redis.signal("SIGCONT") },
  ]
}
