import { Cluster, Redis, type RedisOptions } from "ioredis"
import { GatewayError } from "../../domain/errors.ts"
import type { Logger } from "../../ports/logger.ts"
import { explainLoss } from "./explain-loss.ts"

/** Where Redis is. */
export interface RedisAddress {
  /** `single`: one server. `sentinel`: the master that sentinels name. `cluster`: several masters that share the keys. */
  readonly kind: "single" | "sentinel" | "cluster"
  /** The server; or sentinels, or nodes of the cluster, any of which will do. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  /** What sentinels call the master. */
  readonly masterName: string | undefined
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  /** 0 in a cluster. */
  readonly database: number
}

export type RedisClient = Redis | Cluster

const CONNECT_WITHIN_MS = 500
const RECONNECT_WITHIN_MS = 1_000
/** A server that takes a connection and says nothing is left after so long, so that another is looked for. */
const SILENT_MS = 3_000

/**
 * A client that fails soon and never sends a command twice: a command whose answer was lost may have been carried out, and only its sender knows
 * whether it may be repeated. It connects by itself, and again after each loss.
 *
 * @param answerWithinMs how long a command may take
 * @param logger hears of each loss once, and of the return
 */
export function connect(address: RedisAddress, answerWithinMs: number, logger: Logger): RedisClient {
  const client = clientOf(address, answerWithinMs)
  let lost = false
  // Without a listener an error would end the process.
  client.on("error", (error: Error) => {
    if (!lost) logger.warn({ error: explainLoss(error) }, "[redis] can't be reached; it is tried again")
    lost = true
  })
  client.on("ready", () => {
    if (lost) logger.info({}, "[redis] is reached again")
    lost = false
  })
  return client
}

/** What all connections have. */
function optionsOf({ username, password, tls }: RedisAddress, answerWithinMs: number) {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
    // The replies that this program expects look the same in either, and proxies know the older.
    protocol: 2,
    connectionName: "bandit-gateway",
    disableClientInfo: true,
    connectTimeout: CONNECT_WITHIN_MS,
    commandTimeout: answerWithinMs,
    socketTimeout: SILENT_MS,
    maxLoadingRetryTime: RECONNECT_WITHIN_MS,
    autoResendUnfulfilledCommands: false,
    // It would subscribe again without looking at what comes of it, and a loss meanwhile would end the process.
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
  } as const satisfies RedisOptions
}

function clientOf(address: RedisAddress, answerWithinMs: number): RedisClient {
  const { kind, nodes, masterName, database } = address
  const shared = optionsOf(address, answerWithinMs)
  const alone = {
    ...shared,
    enableOfflineQueue: false,
    retryStrategy: pauseMs,
    // A master that has become a replica may keep its connections: a new one finds whoever has its name or address now.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    db: database,
  } as const
  if (kind === "cluster") {
    return new Cluster([...nodes], {
      redisOptions: shared,
      enableOfflineQueue: false,
      clusterRetryStrategy: pauseMs,
      slotsRefreshTimeout: RECONNECT_WITHIN_MS,
      // Certificates are for names: a name that was looked up here would be checked as an address.
      ...(address.tls ? { dnsLookup: (name, found) => found(null, name) } : {}),
      // A slot that moves is asked for again by the fold, not here: its caller waits.
      maxRedirections: 4,
    })
  }
  if (kind === "sentinel") {
    return new Redis({
      ...alone,
      sentinels: [...nodes],
      name: masterName ?? "mymaster",
      sentinelRetryStrategy: pauseMs,
      // One that takes the connection and says nothing: the next is asked.
      sentinelCommandTimeout: CONNECT_WITHIN_MS,
      ...(address.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
    })
  }
  return new Redis({ ...alone, ...nodes[0] })
}

/** Asks the first node of a cluster that can't be used why: the client of a cluster doesn't say. @returns one line; undefined where that node answers */
export async function whyClusterFails(address: RedisAddress): Promise<string | undefined> {
  const client = new Redis({
    ...optionsOf(address, CONNECT_WITHIN_MS),
    ...address.nodes[0],
    lazyConnect: true,
    retryStrategy: null,
  })
  let problem: Error | undefined
  client.on("error", (error: Error) => {
    problem ??= error
  })
  try {
    await client.connect()
    await client.cluster("INFO")
    await client.cluster("SLOTS")
    return undefined
  } catch (error) {
    problem ??= error instanceof Error ? error : new Error(String(error))
    return explainLoss(problem)
  } finally {
    client.disconnect()
  }
}

/** Growing pauses between tries, each drawn from its upper half, so that gateways don't come back all at once. */
function pauseMs(tries: number): number {
  const most = Math.min(50 * 2 ** Math.min(tries, 10), RECONNECT_WITHIN_MS)
  return most * (0.5 + Math.random() / 2)
}

/**
 * Waits until commands can be sent, or gives up.
 *
 * @param failedMs how long after a failure to connect it is waited yet: a server that refuses isn't there, one that is silent may be slow
 * @returns whether they can
 */
export async function untilReady(client: RedisClient, timeoutMs: number, failedMs = timeoutMs): Promise<boolean> {
  if (client.status === "ready") return true
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const giveUp = () => resolve(false)
  const onReady = () => resolve(true)
  const timers = [setTimeout(giveUp, timeoutMs)]
  const onError = () => void timers.push(setTimeout(giveUp, failedMs))
  client.once("ready", onReady).once("error", onError)
  const isReady = await promise
  for (const timer of timers) clearTimeout(timer)
  client.off("ready", onReady).off("error", onError)
  return isReady
}

/** Whatever Redis or the way to it failed by. @throws GatewayError `store_unavailable`, or the `GatewayError` that `work` threw */
export async function asking<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new GatewayError("store_unavailable", { detail: `[redis] ${what}: ${why}`, cause })
  }
}
