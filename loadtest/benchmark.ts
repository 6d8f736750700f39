/**
 * The gateway's embedded prediction beside nginx `split_clients` proxying one to a backend: the same requests, in one run, each server on one core.
 * A bare `node:http` server that reads the request and answers a constant runs beside them: what it can't reach, nothing on Node can.
 * Rounds alternate, so that a change of the machine's speed meets both. Prints figures; asserts none.
 *
 * With `--beside`, the gateway of another checkout runs too ("before").
 *
 *   npm run bench -- [--seconds 5] [--rounds 3] [--beside FOLDER] [--json]
 */
import { rm } from "node:fs/promises"
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { startGateway } from "./gateway.ts"
import { mediansInTurns } from "./medians.ts"
import { startNginxSplit } from "./nginx-split.ts"
import { startNodeEcho } from "./node-server.ts"
import type { ServerProcess } from "./server-process.ts"
import { runWrk, type WrkFigures } from "./wrk-run.ts"

const SERVER_CORE = 0
/** The client and nginx's backend. */
const CLIENT_CORE = 1
/** Throughput under saturation, and latency of one request at a time. */
const CONNECTIONS = [32, 1] as const

type Name = "nginx" | "node" | "before" | "gateway"

/** V8 goes on compiling for the first hundred thousand requests. */
const WARM_UP_SECONDS = 10

/** Medians over the rounds. */
interface Row extends WrkFigures {
  readonly server: Name
  readonly connections: number
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "5" },
      rounds: { type: "string", default: "3" },
      beside: { type: "string" },
      json: { type: "boolean", default: false },
    },
  })
  const servers = new Map<Name, ServerProcess>()
  const folders: string[] = []
  const startOne = async (name: Name, checkout: string): Promise<void> => {
    const gateway = await startGateway(SERVER_CORE, checkout)
    servers.set(name, gateway)
    folders.push(gateway.dataDir)
  }
  try {
    servers.set("nginx", await startNginxSplit({ server: SERVER_CORE, backend: CLIENT_CORE }))
    servers.set("node", await startNodeEcho(SERVER_CORE))
    if (values.beside !== undefined) await startOne("before", values.beside)
    await startOne("gateway", ".")
    print(await measure(servers, Number(values.seconds), Number(values.rounds)), values.json)
  } finally {
    for (const server of servers.values()) await server.stop()
    for (const folder of folders) await rm(folder, { recursive: true })
  }
}

async function measure(
  servers: ReadonlyMap<Name, ServerProcess>,
  seconds: number,
  rounds: number,
): Promise<readonly Row[]> {
  for (const [name, server] of servers) {
    await runWrk(server, { core: CLIENT_CORE, connections: 32, seconds: name === "nginx" ? 1 : WARM_UP_SECONDS })
  }
  const rows: Row[] = []
  for (const connections of CONNECTIONS) {
    const measured = await mediansInTurns([...servers], rounds, ([, server]) =>
      runWrk(server, { core: CLIENT_CORE, connections, seconds }),
    )
    for (const [[server], figures] of measured) rows.push({ server, connections, ...figures })
  }
  return rows
}

function print(rows: readonly Row[], json: boolean): void {
  const saturated = (server: Row["server"]) =>
    rows.find((row) => row.server === server && row.connections === CONNECTIONS[0])
  const [nginx, node, gateway] = [saturated("nginx"), saturated("node"), saturated("gateway")]
  if (nginx === undefined || node === undefined || gateway === undefined) throw new Error("no saturated run")
  const report = {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model ?? "unknown",
    node: process.version,
    ratio: gateway.requestsPerSecond / nginx.requestsPerSecond,
    cpuRatio: nginx.cpuUs / gateway.cpuUs,
    nodeRatio: node.requestsPerSecond / nginx.requestsPerSecond,
    ofNode: gateway.requestsPerSecond / node.requestsPerSecond,
    rows,
  }
  if (json) {
    console.log(JSON.stringify(report))
    return
  }
  console.log(`${report.date}, ${report.cpu}, Node ${report.node}, one core per server`)
  console.table(
    rows.map((row) => ({
      ...row,
      requestsPerSecond: Math.round(row.requestsPerSecond),
      cpuUs: Math.round(row.cpuUs * 10) / 10,
    })),
  )
  console.log(`gateway / nginx split_clients: ${report.ratio.toFixed(3)} by requests a second`)
  console.log(`                               ${report.cpuRatio.toFixed(3)} by processor time per request`)
  console.log(`bare node:http / nginx:        ${report.nodeRatio.toFixed(3)} by requests a second`)
  console.log(`gateway / bare node:http:      ${report.ofNode.toFixed(3)} by requests a second`)
}

await main()
