import { Cluster, type Redis } from "ioredis"
import { asking, type RedisClient } from "./connection.ts"

/** What one server says of how it keeps what it is given. Undefined: it doesn't say, to this user. */
export interface ServerFacts {
  readonly version: string
  readonly isReplica: boolean
  /** Whether it has as much in memory as it may: it takes no more. */
  readonly isFull: boolean
  readonly keepsFile: boolean
  /** When its file is synced: `always`, `everysec` or `no`. */
  readonly syncs: string | undefined
  readonly waits: Waits
  readonly eviction: string
  readonly replicas: number
  readonly replicasToWrite: number | undefined
}

/**
 * Whether it can be waited until a server has synced its file, by WAITAOF. `early`: its WAITAOF answers before the sync. `forbidden`: this user may
 * not. `unasked`: nobody would.
 */
type Waits = "yes" | "no" | "early" | "forbidden" | "unasked"

/** Asks every master that can be reached. @param durability where answered rewards are durable @throws GatewayError `store_unavailable` */
export async function readServerFacts(
  client: RedisClient,
  durability: "log" | "store",
): Promise<readonly ServerFacts[]> {
  const masters = client instanceof Cluster ? client.nodes("master") : [client]
  return await asking("info", () => Promise.all(masters.map((master) => factsOf(master, durability))))
}

async function factsOf(server: Redis, durability: "log" | "store"): Promise<ServerFacts> {
  const info = new Map(
    (await server.info()).split("\r\n").map((line) => {
      const [name = "", ...value] = line.split(":")
      return [name, value.join(":")] as const
    }),
  )
  const setting = (name: string): Promise<string | undefined> => settingOf(server, name)
  const [syncs, replicasToWrite] = await Promise.all([setting("appendfsync"), setting("min-replicas-to-write")])
  return {
    version: info.get("redis_version") ?? "",
    isReplica: info.get("role") === "slave",
    isFull: Number(info.get("maxmemory")) > 0 && Number(info.get("used_memory")) >= Number(info.get("maxmemory")),
    keepsFile: info.get("aof_enabled") === "1",
    syncs,
    waits: durability === "store" && syncs !== "always" ? await waitsOf(server, info) : "unasked",
    eviction: info.get("maxmemory_policy") ?? "",
    replicas: Number(info.get("connected_slaves") ?? 0),
    replicasToWrite: replicasToWrite === undefined ? undefined : Number(replicasToWrite),
  }
}

/** Users with few rights may not ask for settings. */
async function settingOf(server: Redis, name: string): Promise<string | undefined> {
  try {
    const [, value] = (await server.config("GET", name)) as [string?, string?]
    return value
  } catch (error) {
    if (error instanceof Error && /NOPERM|unknown command/i.test(error.message)) return undefined
    throw error
  }
}

/** A Redis before 7.2 has no WAITAOF. That of 7.4, and of every Valkey since 8.0, answers under `everysec` before the sync (docs/adr/0026). */
async function waitsOf(server: Redis, info: ReadonlyMap<string, string>): Promise<Waits> {
  const [major = 0, minor = 0] = (info.get("redis_version") ?? "").split(".").map(Number)
  if (major < 7 || (major === 7 && minor < 2)) return "no"
  if (info.has("valkey_version") || (major === 7 && minor > 2)) return "early"
  try {
    await server.call("WAITAOF", 0, 0, 1)
    return "yes"
  } catch (error) {
    const said = error instanceof Error ? error.message : ""
    if (said.startsWith("NOPERM")) return "forbidden"
    if (/unknown command/i.test(said)) return "no"
    // It may be the master before it is asked again.
    if (said.includes("replica")) return "yes"
    throw error
  }
}

/** Why an answer can't wait for a sync, as part of a sentence. */
const NOT_WAITING: Readonly<Record<Exclude<Waits, "yes">, string>> = {
  unasked: "",
  no: "",
  early: ", and this server's WAITAOF answers before the sync",
  forbidden: ", and the user in REDIS_URL may not call waitaof",
}

/** What of the promise that rewards are kept these servers don't keep, one sentence each. @param durability where answered rewards are durable */
export function unkeptPromises(servers: readonly ServerFacts[], durability: "log" | "store"): string[] {
  const problems = new Set<string>()
  for (const { isReplica, isFull, keepsFile, syncs, waits, eviction, replicas, replicasToWrite } of servers) {
    if (isReplica)
      problems.add("it is a replica and takes no writes: nothing is counted; REDIS_URL has to lead to its master")
    if (isFull) problems.add("maxmemory is reached: nothing is counted until it has more memory or less in it")
    if (eviction !== "noeviction") {
      problems.add(`maxmemory-policy is ${eviction}: counters and credits may be evicted; set noeviction`)
    }
    if (durability === "store") {
      if (!keepsFile) problems.add("appendonly is off: an answered reward is lost with the server; set appendonly yes")
      else if (waits === "yes") {
        if (syncs === "no")
          problems.add("appendfsync is no: rewards wait for a sync in vain and are refused; set it to always")
      } else if (syncs === undefined) problems.add("appendfsync can't be read: allow config|get, and set it to always")
      else if (syncs !== "always") {
        const why = `${syncs}${NOT_WAITING[waits]}`
        problems.add(`appendfsync is ${why}: an answered reward may be lost with the machine; set it to always`)
      }
      if (replicas > 0 && replicasToWrite === 0) {
        problems.add("min-replicas-to-write is 0: a failover may lose answered rewards; set it to 1")
      }
    } else if (!keepsFile) {
      problems.add("appendonly is off: counters are restored from the gateways' logs after a restart")
    }
  }
  return [...problems]
}
