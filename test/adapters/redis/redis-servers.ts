import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Redis } from "ioredis"
import type { RedisAddress } from "#src/adapters/redis/connection.ts"
import type { Certificate } from "./certificates.ts"

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
  /** The same with more of a command line, such as `--loglevel debug`, and no longer than until it says that it is loading. */
  restartLoading(settings: readonly string[]): Promise<void>
  stop(): Promise<void>
}

/** A port that nothing listens on, of those that no system gives to outgoing connections. */
export async function freePort(): Promise<number> {
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

/**
 * @param settings lines of a configuration file, such as `appendonly yes`
 * @param environment beside that of this process
 * @param program of another version or make
 */
export async function startRedis(
  settings: readonly string[] = [],
  mode: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
  program = "redis-server",
): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "bandit-gateway-"))
  const port = await freePort()
  const file = join(folder, "redis.conf")
  const lines = [`port ${port}`, "bind 127.0.0.1", `dir ${folder}`, 'save ""', ...settings]
  writeFileSync(file, `${lines.join("\n")}\n`)
  const start = (more: readonly string[], isReady: boolean) =>
    run(program, [file, ...mode, ...more], () => untilAnswers(port, isReady), environment)
  let process = await start([], true)
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
      process = await start([], true)
    },
    restartLoading: async (more) => {
      await ended()
      process = await start(more, false)
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
  program: string,
  values: readonly string[],
  untilUp: () => Promise<void>,
  environment: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  const env = { ...process.env, ...environment }
  const child = spawn(program, values, { stdio: "ignore", env })
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => {})
  child.once("error", (cause) => failed.reject(new Error(`${program} can't be run: scripts/setup-tools.sh`, { cause })))
  child.once("exit", (code) => failed.reject(new Error(`${program} ended with ${code}`)))
  try {
    await Promise.race([untilUp(), failed.promise])
  } catch (error) {
    child.kill("SIGKILL")
    throw error
  }
  return child
}

/** @param isReady whether an answer that it is loading isn't enough */
async function untilAnswers(port: number, isReady: boolean): Promise<void> {
  const client = new Redis({ port, retryStrategy: () => 20, maxRetriesPerRequest: null, enableReadyCheck: isReady })
  client.on("error", () => {})
  const timeout = setTimeout(() => client.disconnect(), START_WITHIN_MS)
  try {
    await client.ping()
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("LOADING")) throw error
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
  /** `clientPort`: where clients connect, by TLS where there is a certificate. */
  readonly masters: readonly (RedisServer & { readonly clientPort: number })[]
  readonly address: RedisAddress
  stop(): Promise<void>
}

/** Masters that share the slots in equal parts. @param certificate of all of them, who go by the name `localhost` then */
export async function startCluster(
  count = 3,
  certificate?: Certificate,
  { settings = [], program }: { readonly settings?: readonly string[]; readonly program?: string } = {},
): Promise<RedisCluster> {
  const masters: Master[] = []
  const stop = async () => void (await Promise.all(masters.map((server) => server.stop())))
  const start = (more: readonly string[]) => startRedis([...more, ...settings], [], {}, program)
  try {
    await startMasters(masters, count, certificate, start)
  } catch (error) {
    await stop()
    throw error
  }
  const host = certificate === undefined ? "127.0.0.1" : "localhost"
  const nodes = masters.map(({ clientPort }) => ({ host, port: clientPort }))
  return { masters, address: { ...NOBODY, tls: certificate !== undefined, kind: "cluster", nodes }, stop }
}

/** Settings of a server that takes TLS on one more port. */
export function tlsSettings(port: number, { certFile, keyFile, authorityFile }: Certificate): readonly string[] {
  return [
    `tls-port ${port}`,
    `tls-cert-file ${certFile}`,
    `tls-key-file ${keyFile}`,
    `tls-ca-cert-file ${authorityFile}`,
    "tls-auth-clients no",
  ]
}

const NAMED = ["tls-cluster yes", "cluster-announce-hostname localhost", "cluster-preferred-endpoint-type hostname"]

interface Master extends RedisServer {
  readonly busPort: number
  readonly clientPort: number
}

async function startMasters(
  masters: Master[],
  count: number,
  certificate: Certificate | undefined,
  start: (settings: readonly string[]) => Promise<RedisServer>,
): Promise<void> {
  const settings = ["cluster-enabled yes", "cluster-node-timeout 2000", "cluster-require-full-coverage no"]
  for (let index = 0; index < count; index++) {
    // Usually it is the port and 10,000 more, which is none for high ports.
    const busPort = await freePort()
    const tlsPort = await freePort()
    const secured = certificate === undefined ? [] : [...tlsSettings(tlsPort, certificate), ...NAMED]
    const server = await start([...settings, ...secured, `cluster-port ${busPort}`])
    masters.push({ ...server, busPort, clientPort: certificate === undefined ? server.port : tlsPort })
  }
  for (const [index, { admin }] of masters.entries()) {
    const [first, end] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / count))
    await admin.cluster("ADDSLOTSRANGE", first ?? 0, (end ?? 0) - 1)
    await admin.cluster("SET-CONFIG-EPOCH", index + 1)
  }
  // Once they know each other their epochs are their own affair.
  for (const { admin } of masters) {
    for (const { clientPort, busPort } of masters) await admin.cluster("MEET", "127.0.0.1", clientPort, busPort)
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

/**
 * A master with one replica, and a sentinel that promotes it half a second after the master fell silent.
 *
 * @param certificate of all three, who speak TLS with each other too then
 * @param names what the sentinel is told of names besides: without it, it names addresses
 */
export async function startWatched(
  settings: readonly string[] = [],
  certificate?: Certificate,
  names: readonly string[] = [],
): Promise<WatchedRedis> {
  const start = async (more: readonly string[], mode?: readonly string[]) => {
    const tlsPort = await freePort()
    const secured = certificate === undefined ? [] : [...tlsSettings(tlsPort, certificate), "tls-replication yes"]
    const server = await startRedis([...secured, ...more], mode)
    return { ...server, clientPort: certificate === undefined ? server.port : tlsPort }
  }
  const host = certificate === undefined ? "127.0.0.1" : "localhost"
  const master = await start(settings)
  const replica = await start([
    ...settings,
    ...(names.length > 0 ? [`replica-announce-ip ${host}`] : []),
    `replicaof ${host} ${master.clientPort}`,
    "repl-diskless-sync-delay 0",
  ])
  while (!(await replica.admin.info("replication")).includes("master_link_status:up")) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const watch = [
    ...names,
    `sentinel monitor counters ${names.length > 0 ? host : "127.0.0.1"} ${master.clientPort} 1`,
    "sentinel down-after-milliseconds counters 500",
    "sentinel failover-timeout counters 3000",
  ]
  const sentinel = await start(watch, ["--sentinel"])
  const nodes = [{ host, port: sentinel.clientPort }]
  // A sentinel learns of replicas from their master.
  while (!String(await sentinel.admin.call("SENTINEL", "REPLICAS", "counters")).includes(String(replica.clientPort))) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const tls = certificate !== undefined
  return {
    master,
    replica,
    sentinel,
    address: { ...NOBODY, tls, kind: "sentinel", nodes, masterName: "counters" },
    stop: async () => void (await Promise.all([sentinel, replica, master].map((server) => server.stop()))),
  }
}
