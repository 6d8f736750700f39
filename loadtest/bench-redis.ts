/**
 * What counters in Redis cost beside SQLite: processor time of a reward in the gateway and in the server, the rewards a second that one slot takes
 * when its core does nothing else, how long the scripts take, and the bytes of a remembered decision by aggregation. Starts a `redis-server` of its
 * own. Prints figures; asserts none.
 *
 *   npm run bench:redis                         a minute
 *   npm run bench:redis -- --credits 10000000   as many remembered decisions under `first`, some minutes
 */
import { randomFillSync } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { connect, untilReady } from "#src/adapters/redis/connection.ts"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { Counters } from "#src/adapters/sqlite/counters.ts"
import { packBatch } from "#src/adapters/sqlite/packed-batch.ts"
import { openDatabase } from "#src/adapters/sqlite/schema.ts"
import { Tables } from "#src/adapters/sqlite/tables.ts"
import { createDecisionIds } from "#src/domain/decision-id.ts"
import type { Aggregation, RewardEvent } from "#src/domain/events.ts"
import type { LogPosition } from "#src/domain/log-position.ts"
import type { FoldBatch } from "#src/ports/counter-store.ts"
import { startRedisServer } from "./redis-server.ts"

const BATCH = 500
const ROUNDS = 100
const HOUR_MS = 3_600_000
const START = Date.UTC(2026, 10, 20, 12)
const TICKS_A_SECOND = 100

const { credits } = parseArgs({ options: { credits: { type: "string", default: "200000" } } }).values

const clock = { now: () => START + HOUR_MS, monotonicMs: () => performance.now() }
const silent = { info: () => {}, warn: () => {}, error: () => {} }
const newId = createDecisionIds((target) => void randomFillSync(target))

function rewards(count: number, aggregation: Aggregation, at: number): RewardEvent[] {
  return Array.from({ length: count }, (_, index): RewardEvent => {
    const decisionId = newId(at)
    const decidedAt = new Date(at + ((index * 7_919) % 1_000)).toISOString()
    return {
      v: 1,
      type: "reward",
      eventId: `r-${decisionId}-click${aggregation === "first" ? "" : "-e1"}`,
      at: new Date(at + 30_000 + ((index * 104_729) % 600_000)).toISOString(),
      experiment: "bench" as RewardEvent["experiment"],
      revision: 1,
      series: 1,
      epoch: 1,
      decisionId,
      group: index % 64,
      variant: `v${index % 4}` as RewardEvent["variant"],
      propensity: 0.25,
      decidedAt,
      stickiness: "unit",
      metric: "click",
      value: 1,
      bound: 1,
      aggregation,
      learn: true,
      holdout: false,
      expiresAt: new Date(at + HOUR_MS).toISOString(),
      status: "applied",
    }
  })
}

/** Batches of one log, one after the other. */
function batches() {
  let from: LogPosition | undefined
  return (some: readonly RewardEvent[]): FoldBatch => {
    const end = { file: 1, offset: (from?.offset ?? 0) + 100, hash: "h" }
    const batch = { experiment: "bench", log: "L", from, end, counters: [], groups: [], sketches: [], rewards: some }
    from = end
    return batch
  }
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Processor time of another process. */
function processMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_A_SECOND
}

function inSqlite(): { readonly gatewayUs: number; readonly storeUs: number } {
  const folder = mkdtempSync(join(tmpdir(), "bench-redis-"))
  const database = openDatabase(join(folder, "gateway.db"), false)
  const counters = new Counters(new Tables(database, clock))
  const next = batches()
  let [gateway, store] = [0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    const batch = next(rewards(BATCH, "first", START))
    const begun = threadMs()
    const packed = packBatch(batch)
    const sent = threadMs()
    counters.fold(packed)
    gateway += sent - begun
    store += threadMs() - sent
  }
  database.close()
  rmSync(folder, { recursive: true })
  const each = 1_000 / (ROUNDS * BATCH)
  return { gatewayUs: gateway * each, storeUs: store * each }
}

const server = await startRedisServer()
const address = {
  kind: "single",
  nodes: [{ host: "127.0.0.1", port: server.port }],
  masterName: undefined,
  tls: false,
  username: undefined,
  password: undefined,
  database: 0,
} as const
const clients = { folding: connect(address, 5_000, silent), reading: connect(address, 5_000, silent) }

async function numberOf(section: string, name: string): Promise<number> {
  return Number(new RegExp(`${name}:(\\d+)`).exec(await clients.folding.info(section))?.[1])
}

async function inRedis(): Promise<void> {
  const { pid } = server
  const store = createRedisCounterStore(clients, clock, silent)
  const next = batches()
  const made = Array.from({ length: ROUNDS }, () => next(rewards(BATCH, "first", START)))
  const [gatewayBegun, serverBegun] = [threadMs(), processMs(pid)]
  for (const batch of made) await store.fold(batch)
  const each = 1_000 / (ROUNDS * BATCH)
  const gatewayUs = (threadMs() - gatewayBegun) * each
  const storeUs = (processMs(pid) - serverBegun) * each
  const stats = /cmdstat_evalsha:calls=(\d+),usec=(\d+)/.exec(await clients.folding.info("commandstats"))
  const scriptMs = Number(stats?.[2]) / Number(stats?.[1]) / 1_000
  const sqlite = inSqlite()
  const perSecond = (us: number) => Math.round(1e6 / us).toLocaleString("en")
  const line = (name: string, cost: { readonly gatewayUs: number; readonly storeUs: number }) =>
    console.log(
      `${name}: ${cost.gatewayUs.toFixed(1)} us in the gateway's thread and ${cost.storeUs.toFixed(1)} us in the store for a reward: ` +
        `${perSecond(cost.gatewayUs + cost.storeUs)} a second on one core, ${perSecond(cost.storeUs)} a second at most in the store`,
    )
  line("SQLite", sqlite)
  line("Redis", { gatewayUs, storeUs })
  const ratio = (sqlite.gatewayUs + sqlite.storeUs) / (gatewayUs + storeUs)
  console.log(
    `Redis by SQLite on one core: ${ratio.toFixed(2)}; a script of ${BATCH} rewards takes ${scriptMs.toFixed(1)} ms`,
  )
}

async function bytesOf(aggregation: Aggregation, count: number): Promise<void> {
  await clients.folding.flushall()
  const store = createRedisCounterStore(clients, clock, silent)
  const next = batches()
  // The first hour says how many the later ones have.
  const hours = 10
  const before = await numberOf("memory", "used_memory")
  for (let done = 0; done < count; done += BATCH) {
    const hour = Math.floor((done / count) * hours)
    await store.fold(next(rewards(BATCH, aggregation, START - (hours - hour) * HOUR_MS)))
  }
  const bytes = (await numberOf("memory", "used_memory")) - before
  console.log(`${aggregation}: ${(bytes / count).toFixed(1)} bytes for each of ${count.toLocaleString("en")} decisions`)
}

try {
  for (const client of Object.values(clients)) await untilReady(client, 10_000)
  await inRedis()
  await bytesOf("first", Number(credits))
  for (const aggregation of ["last", "sum", "max"] as const) await bytesOf(aggregation, 100_000)
} finally {
  for (const client of Object.values(clients)) client.disconnect()
  await server.stop()
}
