import { execFile } from "node:child_process"
import { promisify } from "node:util"
import * as z from "zod"
import { AD_FEATURES } from "./ad-features.ts"
import { type ServerProcess, toolCommand } from "./server-process.ts"

/** An answer that takes longer has failed. On a busy machine the first of many connections may wait for seconds. */
const ANSWER_WITHIN = "10s"

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

/** From one thread, pinned. */
export interface WrkLoad {
  /** One core, or several as `taskset` names them. */
  readonly core: number | string
  readonly connections: number
  readonly seconds: number
}

/** Posts ad requests to a server. @throws Error when any request failed: a figure that counts errors as answers is none */
export function runWrk(server: ServerProcess, load: WrkLoad): Promise<WrkFigures> {
  return runScript(server, load, "loadtest/wrk-predict.lua", JSON.stringify(AD_FEATURES))
}

/** Stands for a line feed in a body that `postLines` posts: ASCII's record separator. */
export const LINE_IN_BODY = "\u001e"

/** What is posted. */
export interface Lines {
  /** One body a line. */
  readonly file: string
  readonly path: string
  readonly mediaType: string
}

/** Posts every line of a file once to a path of a server. @throws Error when any request failed */
export function postLines(server: ServerProcess, load: WrkLoad, lines: Lines): Promise<WrkFigures> {
  return runScript(server, load, "loadtest/wrk-reward.lua", lines.file, lines.path, lines.mediaType)
}

async function runScript(
  server: ServerProcess,
  { core, connections, seconds }: WrkLoad,
  script: string,
  ...args: readonly string[]
): Promise<WrkFigures> {
  const flags = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", ANSWER_WITHIN, "-s", script]
  const command = ["taskset", "-c", String(core), "wrk", ...flags, server.url, "--", ...args]
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
