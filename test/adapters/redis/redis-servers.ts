import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Redis } from "ioredis"
import type { RedisAddress } from "#src/adapters/redis/connection.ts"

/** A server whose data is a long log reads it first, and tests share the machine. */
const START_WITHIN_MS = 180_000

/** A `redis-server` of a test on a loopback port of its own. */
export interface RedisServer {
  readonly port: number
  readonly folder: string
  /** Its command line for administration, apart from what is tested. */
  readonly admin: Redis
  /** Sends a signal to the process. */
  signal(name: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void
  /** Settles once the process has ended. */
  ended(): Promise<void>
  /** Starts it again on the same port and folder, after a kill. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** A port that nothing listens on, of those that no system gives to outgoing connections. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(18_000 * Math.random())
    const server = createServer()
    const listening = new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false))
      server.listen(port, "127.0.0.1", () => resolve(true))
    })
    if (!(await listening)) continue
    server.close()
    await once(server, "close")
    return port
  }
}

/** @param settings lines of a configuration file, such as `appendonly yes` @param environment beside that of this process */
export async function startRedis(
  settings: readonly string[] = [],
  mode: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "bandit-gateway-"))
  const port = await freePort()
  const file = join(folder, "redis.conf")
  const lines = [`port ${port}`, "bind 127.0.0.1", `dir ${folder}`, 'save ""', ...settings]
  writeFileSync(file, `${lines.join("\n")}\n`)
  let process = await run(file, mode, port, environment)
  const ended = async () => {
    if (process.exitCode === null && process.signalCode === null) await once(process, "exit")
  }
  const admin = new Redis({ port, lazyConnect: true, retryStrategy: (tries) => Math.min(20 * tries, 200) })
  // It is away whenever the test says so.
  admin.on("error", () => {})
  return {
    port,
    folder,
    admin,
    signal: (name) => void process.kill(name),
    ended,
    restart: async () => {
      await ended()
      process = await run(file, mode, port, environment)
    },
    stop: async () => {
      admin.disconnect()
      process.kill("SIGKILL")
      await ended()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function run(
  file: string,
  mode: readonly string[],
  port: number,
  environment: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  const env = { ...process.env, ...environment }
  const child = spawn("redis-server", [file, ...mode], { stdio: "ignore", env })
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => {})
  child.once("error", (cause) =>
    failed.reject(new Error("redis-server can't be run: scripts/setup-tools.sh", { cause })),
  )
  child.once("exit", (code) => failed.reject(new Error(`redis-server ended with ${code}`)))
  try {
    await Promise.race([untilAnswers(port), failed.promise])
  } catch (error) {
    child.kill("SIGKILL")
    throw error
  }
  return child
}

async function untilAnswers(port: number): Promise<void> {
  const client = new Redis({ port, retryStrategy: () => 20, maxRetriesPerRequest: null })
  client.on("error", () => {})
  const timeout = setTimeout(() => client.disconnect(), START_WITHIN_MS)
  try {
    await client.ping()
  } finally {
    clearTimeout(timeout)
    client.disconnect()
  }
}

export function addressOf(server: Pick<RedisServer, "port">): RedisAddress {
  return { ...NOBODY, kind: "single", nodes: [{ host: "127.0.0.1", port: server.port }] }
}

const NOBODY = { masterName: undefined, tls: false, username: undefined, password: undefined, database: 0 } as const

const SLOTS = 16_384

export interface RedisCluster {
  readonly masters: readonly RedisServer[]
  readonly address: RedisAddress
  stop(): Promise<void>
}

/** Masters that share the slots in equal parts. */
export async function startCluster(count = 3): Promise<RedisCluster> {
  const masters: Master[] = []
  const stop = async () => void (await Promise.all(masters.map((server) => server.stop())))
  try {
    await startMasters(masters, count)
  } catch (error) {
    await stop()
    throw error
  }
  const nodes = masters.map(({ port }) => ({ host: "127.0.0.1", port }))
  return { masters, address: { ...NOBODY, kind: "cluster", nodes }, stop }
}

interface Master extends RedisServer {
  readonly busPort: number
}

async function startMasters(masters: Master[], count: number): Promise<void> {
  const settings = ["cluster-enabled yes", "cluster-node-timeout 2000", "cluster-require-full-coverage no"]
  for (let index = 0; index < count; index++) {
    // Usually it is the port and 10,000 more, which is none for high ports.
    const busPort = await freePort()
    masters.push({ ...(await startRedis([...settings, `cluster-port ${busPort}`])), busPort })
  }
  for (const [index, { admin }] of masters.entries()) {
    const [first, end] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / count))
    await admin.cluster("ADDSLOTSRANGE", first ?? 0, (end ?? 0) - 1)
    await admin.cluster("SET-CONFIG-EPOCH", index + 1)
  }
  // Once they know each other their epochs are their own affair.
  for (const { admin } of masters) {
    for (const { port, busPort } of masters) await admin.cluster("MEET", "127.0.0.1", port, busPort)
  }
  for (const { admin } of masters) {
    for (;;) {
      const [info, nodes] = [await admin.cluster("INFO"), String(await admin.cluster("NODES"))]
      const known = nodes.split("\n").filter((line) => line.includes("connected") && !line.includes("handshake"))
      if (
        info.includes("cluster_state:ok") &&
        info.includes(`cluster_slots_assigned:${SLOTS}`) &&
        known.length === count
      )
        break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

export interface WatchedRedis {
  readonly master: RedisServer
  readonly replica: RedisServer
  readonly sentinel: RedisServer
  readonly address: RedisAddress
  stop(): Promise<void>
}

/** A master with one replica, and a sentinel that promotes it half a second after the master fell silent. */
export async function startWatched(settings: readonly string[] = []): Promise<WatchedRedis> {
  const master = await startRedis(settings)
  const replica = await startRedis([...settings, `replicaof 127.0.0.1 ${master.port}`, "repl-diskless-sync-delay 0"])
  while (!(await replica.admin.info("replication")).includes("master_link_status:up")) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const watch = [
    `sentinel monitor counters 127.0.0.1 ${master.port} 1`,
    "sentinel down-after-milliseconds counters 500",
    "sentinel failover-timeout counters 3000",
  ]
  const sentinel = await startRedis(watch, ["--sentinel"])
  const nodes = [{ host: "127.0.0.1", port: sentinel.port }]
  // A sentinel learns of replicas from their master.
  while (!String(await sentinel.admin.call("SENTINEL", "REPLICAS", "counters")).includes(String(replica.port))) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    master,
    replica,
    sentinel,
    address: { ...NOBODY, kind: "sentinel", nodes, masterName: "counters" },
    stop: async () => void (await Promise.all([sentinel, replica, master].map((server) => server.stop()))),
  }
}
