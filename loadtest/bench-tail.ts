/**
 * Latencies of an open loop at a fixed rate: nginx `split_clients`, a bare `node:http` server, and the gateway without and with rewards. Each server
 * has one core; the client and nginx's backend have the other. Rounds alternate, the table shows medians. Prints figures; asserts none.
 *
 *   npm run bench:tail -- [--rate 12000] [--seconds 8] [--rounds 3] [--connections 64] [--rewards 0.01] [--data-dir FOLDER] [--beside FOLDER]… [--json]
 *
 * With `--data-dir` the gateway's data folder is made in that folder: on the disk that is to be measured, where /tmp is memory. With `--beside`, as
 * often as wanted, the gateway of another checkout is measured too, without rewards: one from which a suspected cause was taken out.
 */
import { rm } from "node:fs/promises"
import { cpus, tmpdir } from "node:os"
import { parseArgs } from "node:util"
import { startGateway } from "./gateway.ts"
import { medians } from "./medians.ts"
import { startNginxSplit } from "./nginx-split.ts"
import { startNodeEcho } from "./node-server.ts"
import { type PacedFigures, type PacedLatency, runPaced } from "./paced-run.ts"
import type { ServerProcess } from "./server-process.ts"
import { runWrk } from "./wrk-run.ts"

const SERVER_CORE = 0
const CLIENT_CORE = 1
/** V8 goes on compiling for the first hundred thousand requests. */
const WARM_UP_SECONDS = 8
/** Of each run, not counted: while others had their turn, a server on Node has given memory back and forgotten compiled code. */
const SETTLE_SECONDS = 3
/** Sends as late as this spoil a tail that is measured in milliseconds. */
const LATE_US = 1_000
/** Of the rate that was asked for: below it requests queue up, and latencies say how long the run was. */
const KEEPS_UP = 0.99

interface Contestant {
  readonly name: string
  readonly server: ServerProcess
  readonly rewardShare: number
}

interface Options {
  readonly requestsPerSecond: number
  readonly seconds: number
  readonly connections: number
  readonly rounds: number
}

/** Medians over the rounds: one row for each kind of request of a contestant. */
interface Row extends PacedLatency {
  readonly what: string
  readonly requestsPerSecond: number
  readonly cpuUs: number
  readonly latenessP99Us: number
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rate: { type: "string", default: "12000" },
      seconds: { type: "string", default: "8" },
      rounds: { type: "string", default: "3" },
      connections: { type: "string", default: "64" },
      rewards: { type: "string", default: "0.01" },
      "data-dir": { type: "string", default: tmpdir() },
      beside: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
    },
  })
  const options = {
    requestsPerSecond: Number(values.rate),
    seconds: Number(values.seconds),
    connections: Number(values.connections),
    rounds: Number(values.rounds),
  }
  const rewardShare = Number(values.rewards)
  const servers: ServerProcess[] = []
  const folders: string[] = []
  const startOne = async (checkout: string): Promise<ServerProcess> => {
    // Warming up takes all that it can do, and a refusal is no answer.
    const gateway = await startGateway(SERVER_CORE, checkout, { OVERLOAD_LIMITS: "off" }, values["data-dir"])
    servers.push(gateway)
    folders.push(gateway.dataDir)
    return gateway
  }
  try {
    const nginx = await startNginxSplit({ server: SERVER_CORE, backend: CLIENT_CORE })
    servers.push(nginx)
    const node = await startNodeEcho(SERVER_CORE)
    servers.push(node)
    const gateway = await startOne(".")
    const contestants = [
      { name: "nginx", server: nginx, rewardShare: 0 },
      { name: "node", server: node, rewardShare: 0 },
      { name: "gateway", server: gateway, rewardShare: 0 },
      { name: `gateway, ${rewardShare * 100} % rewards`, server: gateway, rewardShare },
    ]
    for (const name of values.beside) contestants.push({ name, server: await startOne(name), rewardShare: 0 })
    for (const server of servers.filter((one) => one !== nginx)) {
      await runWrk(server, { core: CLIENT_CORE, connections: options.connections, seconds: WARM_UP_SECONDS })
    }
    const rows = await measure(contestants, options)
    if (values.json) console.log(JSON.stringify({ ...options, rows }))
    else print(rows, options)
  } finally {
    for (const server of servers) await server.stop()
    for (const folder of folders) await rm(folder, { recursive: true })
  }
}

async function measure(contestants: readonly Contestant[], options: Options): Promise<readonly Row[]> {
  const runs = new Map<Contestant, PacedFigures[]>(contestants.map((contestant) => [contestant, []]))
  for (let round = 0; round < options.rounds; round++) {
    for (const [{ server, rewardShare }, figures] of runs) {
      figures.push(
        await runPaced(server, { ...options, settleSeconds: SETTLE_SECONDS, core: CLIENT_CORE, rewardShare }),
      )
    }
  }
  return [...runs].flatMap(([{ name }, figures]) => rowsOf(name, figures))
}

function rowsOf(name: string, figures: readonly PacedFigures[]): Row[] {
  const whole = medians(
    figures.map(({ requestsPerSecond, cpuUs, latenessP99Us }) => ({ requestsPerSecond, cpuUs, latenessP99Us })),
  )
  const predictions = { what: name, ...whole, ...medians(figures.map((run) => run.predictions)) }
  const rewards = figures.flatMap((run) => run.rewards ?? [])
  if (rewards.length === 0) return [predictions]
  return [predictions, { what: `${name}: the rewards`, ...whole, ...medians(rewards) }]
}

function print(rows: readonly Row[], { requestsPerSecond, connections }: Options): void {
  const [nginx] = rows
  if (nginx === undefined) throw new Error("no run")
  console.log(
    `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model ?? "unknown"}, Node ${process.version}, one core per server, ` +
      `${requestsPerSecond} requests a second over ${connections} connections; milliseconds`,
  )
  console.table(
    rows.map((row) => ({
      what: row.what,
      "requests/s": Math.round(row.requestsPerSecond),
      p50: milliseconds(row.p50Us),
      p99: milliseconds(row.p99Us),
      "p99.9": milliseconds(row.p999Us),
      max: milliseconds(row.maxUs),
      "p99 over nginx": milliseconds(row.p99Us - nginx.p99Us),
      "p99.9 over nginx": milliseconds(row.p999Us - nginx.p999Us),
      "cpu µs": Number(row.cpuUs.toFixed(1)),
      "nginx cpu / cpu": Number((nginx.cpuUs / row.cpuUs).toFixed(2)),
      "client late, p99": milliseconds(row.latenessP99Us),
    })),
  )
  for (const row of rows) {
    if (row.requestsPerSecond < requestsPerSecond * KEEPS_UP)
      console.log(`${row.what} can't keep up: choose a lower --rate`)
    if (row.latenessP99Us > LATE_US)
      console.log(`${row.what}: the client sent late, its latencies are not the server's alone`)
  }
}

function milliseconds(us: number): number {
  return Number((us / 1000).toFixed(2))
}

await main()
