/**
 * What a second thread is worth: a gateway with one thread, one with two, and two gateways with one each, all on the same two cores as the client.
 * Rounds alternate. Prints figures, medians over the rounds; asserts none.
 *
 *   npm run bench:threads -- [--seconds 4] [--rounds 5] [--connections 64] [--json]
 */
import { rm } from "node:fs/promises"
import { parseArgs } from "node:util"
import { type Gateway, startGateway } from "./gateway.ts"
import { mediansInTurns } from "./medians.ts"
import { runWrk, type WrkFigures } from "./wrk-run.ts"

const CORES = "0,1"
const WARM_UP_SECONDS = 8

interface Contestant {
  readonly name: string
  /** Each gets its share of the connections, at the same time. */
  readonly gateways: readonly Gateway[]
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "4" },
      rounds: { type: "string", default: "5" },
      connections: { type: "string", default: "64" },
      json: { type: "boolean", default: false },
    },
  })
  const start = (threads: number) => startGateway(CORES, ".", { THREADS: String(threads), LOG_LEVEL: "error" })
  const contestants: Contestant[] = []
  try {
    contestants.push({ name: "one thread", gateways: [await start(1)] })
    contestants.push({ name: "two threads", gateways: [await start(2)] })
    contestants.push({ name: "two processes", gateways: [await start(1), await start(1)] })
    const rows = await measure(contestants, Number(values.connections), Number(values.seconds), Number(values.rounds))
    if (values.json) console.log(JSON.stringify(rows))
    else console.table(rows)
  } finally {
    for (const { gateways } of contestants) {
      for (const gateway of gateways) {
        await gateway.stop()
        await rm(gateway.dataDir, { recursive: true })
      }
    }
  }
}

async function measure(
  contestants: readonly Contestant[],
  connections: number,
  seconds: number,
  rounds: number,
): Promise<object[]> {
  for (const contestant of contestants) await load(contestant, connections, WARM_UP_SECONDS)
  const measured = await mediansInTurns(contestants, rounds, (contestant) => load(contestant, connections, seconds))
  const rows = measured.map(([{ name }, figures]) => ({ name, ...figures }))
  const [one] = rows
  return rows.map(({ name, requestsPerSecond, cpuUs, p50Us, p99Us }) => ({
    name,
    requestsPerSecond: Math.round(requestsPerSecond),
    ofOne: Number((requestsPerSecond / (one?.requestsPerSecond ?? Number.NaN)).toFixed(2)),
    cpuUs: Number(cpuUs.toFixed(1)),
    cpuOfOne: Number((cpuUs / (one?.cpuUs ?? Number.NaN)).toFixed(2)),
    p50Ms: p50Us / 1000,
    p99Ms: p99Us / 1000,
  }))
}

/** All of a contestant's gateways at once: their requests added up, the rest of both together. */
async function load({ gateways }: Contestant, connections: number, seconds: number): Promise<WrkFigures> {
  const share = { core: CORES, connections: connections / gateways.length, seconds }
  const runs = await Promise.all(gateways.map((gateway) => runWrk(gateway, share)))
  const total = (read: (run: WrkFigures) => number) => runs.reduce((sum, run) => sum + read(run), 0)
  const requestsPerSecond = total((run) => run.requestsPerSecond)
  return {
    requestsPerSecond,
    cpuUs: total((run) => run.cpuUs * run.requestsPerSecond) / requestsPerSecond,
    p50Us: total((run) => run.p50Us) / runs.length,
    p99Us: Math.max(...runs.map((run) => run.p99Us)),
  }
}

await main()
