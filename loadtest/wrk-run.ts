import { execFile } from "node:child_process"
import { promisify } from "node:util"
import * as z from "zod"
import { AD_FEATURES } from "./ad-features.ts"
import { type ServerProcess, toolCommand } from "./server-process.ts"

const FIGURES = z.object({
  requests: z.number(),
  seconds: z.number(),
  failed: z.number(),
  p50Us: z.number(),
  p99Us: z.number(),
})

/** What one run measured. Latencies in microseconds, as the closed-loop client saw them. */
export interface WrkFigures {
  readonly requestsPerSecond: number
  /** The server's processor time per request: steadier than the rate on a machine that others use too. */
  readonly cpuUs: number
  readonly p50Us: number
  readonly p99Us: number
}

/**
 * Posts ad requests to a server from one thread pinned to `core`.
 *
 * @throws Error when any request failed: a figure that counts errors as answers is none
 */
export async function runWrk(
  server: ServerProcess,
  load: { readonly core: number; readonly connections: number; readonly seconds: number },
): Promise<WrkFigures> {
  const { core, connections, seconds } = load
  const flags = ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", "loadtest/wrk-predict.lua"]
  const command = ["taskset", "-c", String(core), "wrk", ...flags, server.url, "--", JSON.stringify(AD_FEATURES)]
  const cpuBefore = await server.cpuSeconds()
  const { stdout } = await promisify(execFile)(...toolCommand(...command))
  const cpuUsed = (await server.cpuSeconds()) - cpuBefore
  const line = stdout.split("\n").find((text) => text.startsWith("{")) ?? ""
  const figures = FIGURES.parse(JSON.parse(line))
  if (figures.failed > 0) throw new Error(`${figures.failed} of ${figures.requests} requests to ${server.url} failed`)
  return {
    requestsPerSecond: figures.requests / figures.seconds,
    cpuUs: (cpuUsed / figures.requests) * 1e6,
    p50Us: figures.p50Us,
    p99Us: figures.p99Us,
  }
}
