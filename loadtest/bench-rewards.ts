/**
 * Durable rewards: single ones at 1, 32 and 256 connections, arrays of 100 and NDJSON of 1,000. The gateway has one core, the client the other.
 * Every reward is posted once. Beside them, a bare `node:http` server that reads the same requests and answers a constant, and what the device's own
 * fdatasync takes. Prints figures, medians over the rounds; asserts none. The gateway refuses nobody: a closed loop of 256 connections is an overload.
 *
 * With `--beside`, a gateway of another checkout is measured too, in turns.
 *
 *   npm run bench:rewards -- [--seconds 3] [--rounds 3] [--beside FOLDER] [--json]
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Gateway, startGateway } from "./gateway.ts"
import { mediansInTurns } from "./medians.ts"
import { startNodeEcho } from "./node-server.ts"
import { createTokens } from "./reward-tokens.ts"
import type { ServerProcess } from "./server-process.ts"
import { LINE_IN_BODY, postLines, type WrkFigures } from "./wrk-run.ts"

const SERVER_CORE = 0
const CLIENT_CORE = 1
/** V8 goes on compiling for the first hundred thousand rewards: those of the load with most connections come first. */
const WARM_UP_SECONDS = { first: 10, each: 2 }
/** As long as a token. */
const NO_TOKEN = "x".repeat(120)
/** More than any of them answers. */
const MOST_PER_SECOND = { single: 40_000, batch: 90_000 }

const SYNCS = 500
/** A turn of 32 rewards. */
const SYNCED_BYTES = 20_000

interface Load {
  readonly name: string
  readonly connections: number
  /** Rewards in a body. */
  readonly each: number
  readonly mediaType: "application/json" | "application/x-ndjson"
}

const CROWD: Load = { name: "single, 256 connections", connections: 256, each: 1, mediaType: "application/json" }
const LOADS: readonly Load[] = [
  { name: "single, 1 connection", connections: 1, each: 1, mediaType: "application/json" },
  { name: "single, 32 connections", connections: 32, each: 1, mediaType: "application/json" },
  CROWD,
  { name: "arrays of 100, 32 connections", connections: 32, each: 100, mediaType: "application/json" },
  { name: "NDJSON of 1,000, 4 connections", connections: 4, each: 1_000, mediaType: "application/x-ndjson" },
]

interface Contestant {
  readonly name: string
  readonly server: ServerProcess
  readonly tokens: (count: number) => string[]
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "3" },
      rounds: { type: "string", default: "3" },
      beside: { type: "string" },
      json: { type: "boolean", default: false },
    },
  })
  const folder = await mkdtemp(join(tmpdir(), "bandit-gateway-rewards-"))
  const gateways: Gateway[] = []
  const node = await startNodeEcho(SERVER_CORE)
  try {
    const contestants: Contestant[] = [{ name: "bare node:http", server: node, tokens: noTokens }]
    for (const checkout of values.beside === undefined ? ["."] : [values.beside, "."]) {
      const gateway = await startGateway(SERVER_CORE, checkout, { OVERLOAD_LIMITS: "off", LOG_LEVEL: "error" })
      gateways.push(gateway)
      contestants.push({ name: checkout, server: gateway, tokens: await createTokens(gateway) })
    }
    const rows = await measure(contestants, folder, Number(values.seconds), Number(values.rounds))
    rows.push(deviceRow(folder))
    if (values.json) console.log(JSON.stringify(rows))
    else console.table(rows)
  } finally {
    await node.stop()
    for (const gateway of gateways) {
      await gateway.stop()
      await rm(gateway.dataDir, { recursive: true })
    }
    await rm(folder, { recursive: true })
  }
}

async function measure(
  contestants: readonly Contestant[],
  folder: string,
  seconds: number,
  rounds: number,
): Promise<object[]> {
  for (const contestant of contestants) {
    await post(contestant, CROWD, folder, WARM_UP_SECONDS.first)
    for (const load of LOADS) await post(contestant, load, folder, WARM_UP_SECONDS.each)
  }
  const rows: object[] = []
  for (const load of LOADS) {
    const measured = await mediansInTurns(contestants, rounds, (contestant) => post(contestant, load, folder, seconds))
    for (const [{ name }, figures] of measured) rows.push(rowOf(name, load, figures))
  }
  return rows
}

/** @param folder where the bodies are written for the client */
async function post({ server, tokens }: Contestant, load: Load, folder: string, seconds: number) {
  const { connections, each, mediaType } = load
  const count = seconds * (each === 1 ? MOST_PER_SECOND.single : MOST_PER_SECOND.batch)
  const file = join(folder, "bodies.txt")
  await writeFile(file, bodies(tokens(count), load).join("\n"))
  return await postLines(server, { core: CLIENT_CORE, connections, seconds }, { file, path: "/reward", mediaType })
}

/** For a server that doesn't look at them. */
function noTokens(count: number): string[] {
  return Array.from({ length: count }, () => NO_TOKEN)
}

function bodies(tokens: readonly string[], { each, mediaType }: Load): string[] {
  if (each === 1) return tokens.map((decision) => JSON.stringify({ decision }))
  return Array.from({ length: Math.floor(tokens.length / each) }, (_, i) => {
    const rewards = tokens.slice(i * each, (i + 1) * each).map((decision) => ({ decision }))
    if (mediaType === "application/json") return JSON.stringify(rewards)
    return rewards.map((reward) => JSON.stringify(reward)).join(LINE_IN_BODY)
  })
}

/** What the device takes for itself, with nobody else there: the lines of a turn appended, then made durable. */
function deviceRow(folder: string): object {
  const file = openSync(join(folder, "synced.bin"), "w")
  const bytes = Buffer.alloc(SYNCED_BYTES, "x")
  const tookMs = Array.from({ length: SYNCS }, () => {
    writeSync(file, bytes)
    const began = performance.now()
    fdatasyncSync(file)
    return performance.now() - began
  }).toSorted((a, b) => a - b)
  closeSync(file)
  const quantile = (share: number) => Number((tookMs[Math.floor(share * SYNCS)] ?? Number.NaN).toFixed(2))
  return { load: "the device's fdatasync", p50Ms: quantile(0.5), p99Ms: quantile(0.99) }
}

function rowOf(server: string, { name, each }: Load, figures: WrkFigures): object {
  return {
    server,
    load: name,
    rewardsPerSecond: Math.round(figures.requestsPerSecond * each),
    cpuUsPerReward: Number((figures.cpuUs / each).toFixed(1)),
    p50Ms: figures.p50Us / 1000,
    p99Ms: figures.p99Us / 1000,
  }
}

await main()
