import { setTimeout as wait } from "node:timers/promises"
import { type PacedFigures, type PacedLoad, runPaced } from "./paced-run.ts"
import type { ServerProcess } from "./server-process.ts"

/** How much more than the server can do arrives, over how many connections, and for how long. */
export interface OverloadPlan {
  readonly core: number
  readonly connections: number
  /** How many times the capacity. */
  readonly times: number
  readonly seconds: number
  /** How long the other parts take. */
  readonly partSeconds: number
  /** Whether refused callers wait as long as they are told. */
  readonly refused: "waits" | "returns"
}

export interface OverloadFigures {
  /** Requests a second that are served where 32 connections always have one. */
  readonly capacity: number
  /** At half of the capacity. */
  readonly healthy: PacedFigures
  readonly overloaded: PacedFigures
  /** The slowest answer of `/healthz` on a connection of its own during the overload, and how many there were. */
  readonly health: { readonly asked: number; readonly failed: number; readonly worstMs: number }
  /** Before, and the most during the overload. */
  readonly residentBytes: { readonly before: number; readonly most: number }
  /** Seconds after the overload, at half of the capacity, until a second without a refusal. Undefined where there was none in time. */
  readonly recoveredAfterSeconds: number | undefined
}

const FULL_CONNECTIONS = 32
/** More than any gateway on one core can do. */
const MORE_THAN_ALL = 100_000
const LOOK_EVERY_MS = 250
const RECOVERY_SECONDS = 10

/** Capacity, health, overload, recovery, one after the other. */
export async function runOverload(server: ServerProcess, plan: OverloadPlan): Promise<OverloadFigures> {
  const { core, connections, partSeconds, refused } = plan
  const part = (changes: Partial<PacedLoad>): Promise<PacedFigures> =>
    runPaced(server, {
      core,
      connections,
      seconds: partSeconds,
      settleSeconds: partSeconds / 3,
      rewardShare: 0,
      requestsPerSecond: MORE_THAN_ALL,
      patience: { ms: 0, refused },
      ...changes,
    })
  // The first is for the compiler.
  await part({ connections: FULL_CONNECTIONS })
  const { servedPerSecond: capacity } = await part({ connections: FULL_CONNECTIONS })
  const half = capacity / 2
  const healthy = await part({ requestsPerSecond: half })
  const watch = watchServer(server)
  const overloaded = await part({ requestsPerSecond: capacity * plan.times, seconds: plan.seconds, settleSeconds: 0 })
  const watched = await watch.stop()
  let recoveredAfterSeconds: number | undefined
  for (let second = 0; second < RECOVERY_SECONDS && recoveredAfterSeconds === undefined; second++) {
    const after = await part({ requestsPerSecond: half, connections: FULL_CONNECTIONS, seconds: 1, settleSeconds: 0 })
    if (after.refused === 0) recoveredAfterSeconds = second
  }
  return { capacity, healthy, overloaded, ...watched, recoveredAfterSeconds }
}

/** Asks for health and memory until it is stopped. */
function watchServer(server: ServerProcess) {
  const health = { asked: 0, failed: 0, worstMs: 0 }
  const stopping = new AbortController()
  const watch = async (): Promise<{ readonly before: number; readonly most: number }> => {
    const before = await server.residentBytes()
    let most = before
    while (!stopping.signal.aborted) {
      const startedMs = performance.now()
      const response = await fetch(`${server.url}/healthz`, { headers: { connection: "close" } })
      await response.arrayBuffer()
      health.asked += 1
      if (!response.ok) health.failed += 1
      health.worstMs = Math.max(health.worstMs, performance.now() - startedMs)
      most = Math.max(most, await server.residentBytes())
      await wait(LOOK_EVERY_MS)
    }
    return { before, most }
  }
  const watching = watch()
  return {
    stop: async () => {
      stopping.abort()
      return { residentBytes: await watching, health }
    },
  }
}
