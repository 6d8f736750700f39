import { openLastAllocations } from "../adapters/node-files/last-allocations.ts"
import { createRedisAllocationStore } from "../adapters/redis/allocation-store.ts"
import { connect, type RedisAddress, untilReady, whyClusterFails } from "../adapters/redis/connection.ts"
import { createRedisCounterStore } from "../adapters/redis/counter-store.ts"
import { createRedisExperimentStore } from "../adapters/redis/experiment-store.ts"
import { explainLoss } from "../adapters/redis/explain-loss.ts"
import { FileSync, ROUND_WITHIN_MS, withFileSync } from "../adapters/redis/file-sync.ts"
import { createRedisKeyStore } from "../adapters/redis/key-store.ts"
import { PUBLISHED } from "../adapters/redis/keys.ts"
import { lackingLogs } from "../adapters/redis/losses.ts"
import { missingRights } from "../adapters/redis/rights.ts"
import { readServerFacts, type ServerFacts, unkeptPromises } from "../adapters/redis/server-facts.ts"
import { withDeadlines } from "../app/deadline.ts"
import type { Config } from "../config.ts"
import { GatewayError } from "../domain/errors.ts"
import type { PartState } from "../http/routes/health.ts"
import type { AllocationStore, SharedAllocation } from "../ports/allocation-store.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterArchive } from "../ports/counter-archive.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { ExperimentStore } from "../ports/experiment-store.ts"
import type { KeyStore } from "../ports/key-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { Loss, SharedCounters } from "../ports/shared-counters.ts"
import { machineClock } from "./machine-clock.ts"

/** A fold's script takes some milliseconds; one that is given up is asked for again with the same end. */
const FOLD_WITHIN_MS = 500
const READ_WITHIN_MS = 2_000
/** How long a start waits for Redis before it serves what the data folder has. */
const START_WITHIN_MS = 1_000
/** The same once it has refused: for one that is about to come. */
const REFUSED_WITHIN_MS = 200
/** A failover or an edit of the server's settings is noticed so soon. */
const INSPECT_EVERY_MS = 5_000

const SILENT: Logger = { info: () => {}, warn: () => {}, error: () => {} }

/** The store that several gateways share. */
export interface SharedStore {
  readonly archive: CounterStore & CounterArchive & SharedCounters
  readonly experimentStore: ExperimentStore
  readonly keyStore: KeyStore
  readonly allocations: AllocationStore
  /** The part of `/readyz` that says where rewards are durable, what of that isn't kept, and what the counters lack. */
  state(losses: readonly Loss[]): PartState
  /** Keeps Redis small. Never rejects; to be called every half minute. */
  tidyUp(): Promise<void>
  /** Calls back when another gateway has published. A hint: it may be missed. */
  onPublished(listener: () => void): void
  close(): Promise<void>
}

/**
 * Connects to Redis. A Redis that is away is waited for a moment, and found when it is back.
 *
 * @throws GatewayError `config_invalid` where it evicts keys: counters would go without a word
 */
export async function openSharedStore(
  address: RedisAddress,
  durability: Config["rewardDurability"],
  clock: Clock,
  logger: Logger,
): Promise<SharedStore> {
  const folding = connect(address, FOLD_WITHIN_MS, logger)
  const reading = connect(address, READ_WITHIN_MS, logger)
  const clients = [folding, reading]
  const counters = createRedisCounterStore({ folding, reading }, clock, logger)
  // The connections above say what is lost.
  const connectToWait = () => connect(address, ROUND_WITHIN_MS, SILENT)
  const sync = durability === "store" ? new FileSync({ folding, connect: connectToWait, clock }) : undefined
  const archive = sync === undefined ? counters : withFileSync(counters, sync)
  let problems: readonly string[] = []
  let reached = false
  /** Undefined until they could be tried. */
  let lacking: readonly string[] | undefined
  /** Why Redis can't be used, where that is known. */
  let loss: string | undefined
  reading.on("error", (error: Error) => {
    if (address.kind !== "cluster") loss = explainLoss(error)
  })

  async function inspect(againWithinMs: number): Promise<void> {
    try {
      const servers = await serverFacts(againWithinMs)
      if (lacking?.length !== 0) lacking = await missingRights(reading)
      sync?.learn(servers)
      const found = unkeptPromises(servers, durability)
      if (sync?.problem !== undefined) found.push(sync.problem)
      if (lacking.length > 0) {
        found.unshift(
          `the user in REDIS_URL lacks rights (${lacking.join(", ")}); docs/redis.md lists all that it needs`,
        )
      }
      reached = true
      loss = undefined
      for (const problem of found) if (!problems.includes(problem)) logger.warn({}, `[redis] ${problem}`)
      problems = found
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      reached = false
      if (address.kind === "cluster") await explainCluster()
    }
  }

  /** Asks again after a loss: a replica's refusal of a write makes a client connect anew, and takes what else it was asked with it. */
  async function serverFacts(againWithinMs: number): Promise<readonly ServerFacts[]> {
    try {
      return await readServerFacts(reading, durability)
    } catch (error) {
      if (reading.status === "ready" || !(await untilReady(reading, againWithinMs))) throw error
      return await readServerFacts(reading, durability)
    }
  }

  async function explainCluster(): Promise<void> {
    const why = await whyClusterFails(address)
    if (why !== undefined && why !== loss) logger.warn({ error: why }, "[redis] the cluster can't be used")
    loss = why
  }

  async function close(): Promise<void> {
    clearInterval(timer)
    sync?.close()
    for (const client of clients) client.disconnect()
  }

  const timer = setInterval(() => void inspect(START_WITHIN_MS), INSPECT_EVERY_MS).unref()
  await Promise.all([folding, reading].map((client) => untilReady(client, START_WITHIN_MS, REFUSED_WITHIN_MS)))
  // It has been waited for already.
  await inspect(0)
  const evicts = problems.find((problem) => problem.startsWith("maxmemory-policy"))
  if (evicts !== undefined) {
    await close()
    throw new GatewayError("config_invalid", { detail: `REDIS_URL: ${evicts}` })
  }
  return {
    archive,
    experimentStore: createRedisExperimentStore(reading),
    keyStore: createRedisKeyStore(reading),
    allocations: createRedisAllocationStore(reading, archive.markOf),
    state: (losses) => {
      const isAway = !reached || reading.status !== "ready"
      const away = isAway ? [`Redis can't be reached${loss === undefined ? "" : `: ${loss}`}`] : []
      const where = durability === "log" ? "the log in DATA_DIR" : "Redis"
      const how = sync?.isNeeded === true ? ", answered once its append-only file is synced" : ""
      const wrong = [...away, ...problems, ...losses.map(describeLoss)]
      return {
        ready: wrong.length === 0,
        required: false,
        detail: [`rewards are durable in ${where} (${durability})${how}`, ...wrong].join("; "),
      }
    },
    tidyUp: async () => {
      try {
        await archive.tidyUp()
      } catch (error) {
        logger.warn({ err: error }, "[redis] upkeep failed; it is tried again later")
      }
    },
    onPublished: (listener) => {
      const hints = connect(address, READ_WITHIN_MS, logger)
      clients.push(hints)
      hints.on("message", listener)
      // One that fails is made up for: the loss that it fails by is followed by another connection.
      hints.on("ready", () => void Promise.allSettled([hints.subscribe(PUBLISHED)]))
    },
    close,
  }
}

function describeLoss(loss: Loss): string {
  const { experiment, isAwaited } = loss
  const logs = lackingLogs(loss).join(", ")
  if (isAwaited) return `the counters of ${experiment} were lost and are restored now, from the logs ${logs}`
  return `the counters of ${experiment} are partial: they lack something of the logs ${logs} (rebuild --from)`
}

/** The store that `REDIS_URL` names; undefined where it is unset. @throws as `openSharedStore` */
export async function openShared(config: Config, logger: Logger): Promise<SharedStore | undefined> {
  const { redis, rewardDurability, signingKeys, unitKey } = config
  if (redis === undefined) return undefined
  if (signingKeys === undefined || unitKey === undefined) {
    logger.warn(
      {},
      "gateways that share REDIS_URL need the same SIGNING_KEYS and UNIT_KEY: those of one gateway aren't the others'",
    )
  }
  return await openSharedStore(redis, rewardDurability, machineClock, logger)
}

/** The allocations of a shared store, with a copy of the last ones in the data folder. */
export async function sharedAllocations(
  shared: SharedStore | undefined,
  dataDir: string,
  logger: Logger,
): Promise<{
  readonly allocations?: AllocationStore
  readonly lastAllocation?: (experiment: string) => SharedAllocation | undefined
}> {
  if (shared === undefined) return {}
  const last = await openLastAllocations(dataDir, logger)
  const { allocations } = shared
  return {
    lastAllocation: (experiment) => last.get(experiment),
    allocations: withDeadlines<AllocationStore>({
      read: async (experiment) => {
        const published = await allocations.read(experiment)
        if (published.allocation !== undefined) last.set(experiment, published.allocation)
        return published
      },
      publish: (experiment, allocation, mark) => allocations.publish(experiment, allocation, mark),
    }),
  }
}
