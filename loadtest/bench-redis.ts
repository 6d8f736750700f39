/**
 * What counters in Redis cost beside SQLite: processor time of a reward in the gateway and in the server, the rewards a second that one slot takes
 * when its core does nothing else, how long scripts of several sizes take, and the bytes of a remembered decision by aggregation. Starts a `redis-server` of its
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
import type { CounterArchive } from "#src/ports/counter-archive.ts"
import type { FoldBatch } from "#src/ports/counter-store.ts"
import { startRedisServer } from "./redis-server.ts"

const BATCH = 500
const ROUNDS = 100
/** Of folds whose scripts are looked at. */
const SIZES = [500, 300, 100]
const HOUR_MS = 3_600_000
const HOURS = 10
/** An hour of the first traffic. */
const FIRST_HOUR = 20_000
const REMEMBERED_AT_ONCE = 5_000
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

/** Processor time of a reward. */
interface Cost {
  readonly gatewayUs: number
  readonly storeUs: number
}

function inSqlite(): Cost {
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

/** Folds of so many rewards, and what their scripts take. */
async function inRedis(size: number): Promise<Cost & { readonly scriptMs: number }> {
  const { pid } = server
  await clients.folding.flushall()
  await clients.folding.config("RESETSTAT")
  const store = createRedisCounterStore(clients, clock, silent)
  const next = batches()
  const made = Array.from({ length: ROUNDS }, () => next(rewards(size, "first", START)))
  const [gatewayBegun, serverBegun] = [threadMs(), processMs(pid)]
  for (const batch of made) await store.fold(batch)
  const [gatewayMs, serverMs] = [threadMs() - gatewayBegun, processMs(pid) - serverBegun]
  const [, scripts] = /cmdstat_evalsha:calls=(\d+)/.exec(await clients.folding.info("commandstats")) ?? []
  const each = 1_000 / (ROUNDS * size)
  return { gatewayUs: gatewayMs * each, storeUs: serverMs * each, scriptMs: serverMs / Number(scripts) }
}

async function compare(): Promise<void> {
  const sqlite = inSqlite()
  // Compiled, and warm.
  await inRedis(BATCH)
  const redis = await inRedis(BATCH)
  const perSecond = (us: number) => Math.round(1e6 / us).toLocaleString("en")
  const line = (name: string, cost: Cost) =>
    console.log(
      `${name}: ${cost.gatewayUs.toFixed(1)} us in the gateway's thread and ${cost.storeUs.toFixed(1)} us in the store for a reward: ` +
        `${perSecond(cost.gatewayUs + cost.storeUs)} a second on one core, ${perSecond(cost.storeUs)} a second at most in the store`,
    )
  line("SQLite", sqlite)
  line("Redis", redis)
  const ratio = (sqlite.gatewayUs + sqlite.storeUs) / (redis.gatewayUs + redis.storeUs)
  console.log(`Redis by SQLite on one core: ${ratio.toFixed(2)}`)
  for (const size of SIZES) {
    const { scriptMs, storeUs } = await inRedis(size)
    console.log(
      `a fold of ${size} rewards: scripts of ${scriptMs.toFixed(1)} ms, ${perSecond(storeUs)} rewards a second at most in one slot`,
    )
  }
}

/** Remembers so many decisions of one hour, and counts nothing. */
async function rememberHour(
  store: CounterArchive,
  aggregation: Aggregation,
  count: number,
  hour: number,
): Promise<void> {
  for (let done = 0; done < count; done += REMEMBERED_AT_ONCE) {
    const some = Math.min(REMEMBERED_AT_ONCE, count - done)
    await store.remember(rewards(some, aggregation, START + hour * HOUR_MS))
  }
}

/** Ten hours of decisions that are remembered, once traffic has grown to what they have: an hour is divided by how many those before had. */
async function bytesOf(aggregation: Aggregation, count: number): Promise<void> {
  await clients.folding.flushall()
  const store = createRedisCounterStore(clients, clock, silent)
  const anHour = count / HOURS
  let hour = 0
  for (let few = FIRST_HOUR; few < anHour; few *= 4) await rememberHour(store, aggregation, few, hour++)
  const before = await numberOf("memory", "used_memory")
  for (const last = hour + HOURS; hour < last; hour++) await rememberHour(store, aggregation, anHour, hour)
  const bytes = (await numberOf("memory", "used_memory")) - before
  console.log(`${aggregation}: ${(bytes / count).toFixed(1)} bytes for each of ${count.toLocaleString("en")} decisions`)
}

try {
  for (const client of Object.values(clients)) await untilReady(client, 10_000)
  await compare()
  await bytesOf("first", Number(credits))
  for (const aggregation of ["last", "sum", "max"] as const) await bytesOf(aggregation, 200_000)
} finally {
  for (const client of Object.values(clients)) client.disconnect()
  await server.stop()
}
