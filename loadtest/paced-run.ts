import { execFile } from "node:child_process"
import { promisify } from "node:util"
import * as z from "zod"
import { AD_FEATURES } from "./ad-features.ts"
import { builtOnce, isAbsent } from "./built-once.ts"
import { type ServerProcess, toolCommand } from "./server-process.ts"

const SOURCE = "loadtest/paced.c"

const run = promisify(execFile)

const latencySchema = z.object({ p50Us: z.number(), p99Us: z.number(), p999Us: z.number(), maxUs: z.number() })

const outputSchema = z.object({
  sent: z.number(),
  answered: z.number(),
  failed: z.number(),
  refused: z.number(),
  givenUp: z.number(),
  seconds: z.number(),
  predictions: latencySchema.nullable(),
  rewards: latencySchema.nullable(),
  refusals: latencySchema.nullable(),
  lateness: latencySchema,
})

/** Microseconds from when a request was due until its answer was read. */
export type PacedLatency = z.infer<typeof latencySchema>

/** What one run measured. */
export interface PacedFigures {
  /** What was reached: less than was asked for where the server can't keep up. */
  readonly requestsPerSecond: number
  /** The server's processor time per request. */
  readonly cpuUs: number
  readonly predictions: PacedLatency
  /** Undefined where none were posted. */
  readonly rewards: PacedLatency | undefined
  /** Of those that were due, how many were answered with what they asked for, each second. */
  readonly servedPerSecond: number
  /** Requests answered 503 with Retry-After. */
  readonly refused: number
  /** Requests that found no connection within their patience. */
  readonly givenUp: number
  /** Of refusals, from when the request was sent. Undefined where there were none. */
  readonly refusals: PacedLatency | undefined
  /** How late the client itself sent what was due: where this is not small beside the latencies, they are the client's. */
  readonly latenessP99Us: number
}

/** From one thread pinned to `core`. */
export interface PacedLoad {
  readonly core: number
  readonly connections: number
  readonly seconds: number
  /** Of these, so many at the beginning are not counted: a server that was idle has given memory back, and compiled code too. */
  readonly settleSeconds: number
  readonly requestsPerSecond: number
  /** Share of the requests that reward an earlier prediction, in [0, 0.5]. */
  readonly rewardShare: number
  /** Callers with a deadline. Without it requests wait for ever, and a refusal is a failure. */
  readonly patience?: Patience
}

export interface Patience {
  /** How long a request waits for a connection; 0: not at all. */
  readonly ms: number
  /** Whether a refused caller waits for the seconds of Retry-After before it uses that connection again, or returns at once. */
  readonly refused: "waits" | "returns"
}

/** Posts ad requests at even steps, whatever the server takes. @throws Error when any request failed, or none was served */
export async function runPaced(server: ServerProcess, load: PacedLoad): Promise<PacedFigures> {
  const { port } = new URL(server.url)
  const pace = [load.requestsPerSecond, load.seconds, load.settleSeconds]
  const settings = [port, ...pace, load.connections, load.rewardShare].map(String)
  const client = await builtOnce("bin/paced", SOURCE, compile)
  const patience = load.patience === undefined ? [] : [String(load.patience.ms), load.patience.refused]
  const command = ["taskset", "-c", String(load.core), client, ...settings, JSON.stringify(AD_FEATURES), ...patience]
  const cpuBefore = await server.cpuSeconds()
  const { stdout, stderr } = await run(...toolCommand(...command))
  const cpuUsed = (await server.cpuSeconds()) - cpuBefore
  const figures = outputSchema.parse(JSON.parse(stdout))
  const { answered, failed, refused, givenUp, predictions } = figures
  if (failed > 0) throw new Error(`${failed} of ${figures.sent} requests to ${server.url} failed. ${stderr}`)
  if (predictions === null) throw new Error(`${server.url} answered nothing that was due after ${load.settleSeconds} s`)
  return {
    requestsPerSecond: answered / figures.seconds,
    cpuUs: (cpuUsed / answered) * 1e6,
    predictions,
    rewards: figures.rewards ?? undefined,
    servedPerSecond: (answered - refused) / figures.seconds,
    refused,
    givenUp,
    refusals: figures.refusals ?? undefined,
    latenessP99Us: figures.lateness.p99Us,
  }
}

async function compile(client: string): Promise<void> {
  try {
    await run("cc", ["-O2", "-o", client, SOURCE])
  } catch (cause) {
    const why = isAbsent(cause)
      ? "there is no cc: `npm run setup` installs a C compiler, or says what to install"
      : `cc failed: ${String(cause)}`
    throw new Error(`${SOURCE} has to be compiled, and ${why}`, { cause })
  }
}
