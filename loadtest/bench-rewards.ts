/**
 * Durable rewards: single ones at 32 and at 256 connections, and arrays of 100. The gateway has one core, the client the other. Every reward is
 * posted once. Prints figures; asserts none.
 *
 *   node loadtest/bench-rewards.ts [--seconds 5] [--json]
 */
import { rm, writeFile } from "node:fs/promises"
import { Agent, request } from "node:http"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as z from "zod"
import { AD_FEATURES } from "./ad-features.ts"
import { startGateway } from "./gateway.ts"
import type { ServerProcess } from "./server-process.ts"
import { postLines } from "./wrk-run.ts"

const SERVER_CORE = 0
const CLIENT_CORE = 1
/** More than the gateway answers in a second. */
const MOST_PER_SECOND = { single: 20_000, array: 60_000 }
const IN_ARRAY = 100
const ASKED_AT_ONCE = 64

const RUNS = [
  { name: "single, warm-up", connections: 32, each: 1 },
  { name: "single, 32 connections", connections: 32, each: 1 },
  { name: "single, 256 connections", connections: 256, each: 1 },
  { name: "arrays of 100, 32 connections", connections: 32, each: IN_ARRAY },
] as const

const answerSchema = z.object({ decision: z.string() })

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seconds: { type: "string", default: "5" }, json: { type: "boolean", default: false } },
  })
  const seconds = Number(values.seconds)
  const gateway = await startGateway(SERVER_CORE)
  const rows: object[] = []
  try {
    for (const { name, connections, each } of RUNS) {
      const rewards = seconds * (each === 1 ? MOST_PER_SECOND.single : MOST_PER_SECOND.array)
      const file = join(gateway.dataDir, "bodies.txt")
      await writeFile(file, bodies(await decide(gateway, rewards), each).join("\n"))
      const figures = await postLines(gateway, { core: CLIENT_CORE, connections, seconds }, file, "/reward")
      rows.push({
        name,
        rewardsPerSecond: Math.round(figures.requestsPerSecond * each),
        cpuUsPerReward: Number((figures.cpuUs / each).toFixed(1)),
        p50Ms: figures.p50Us / 1000,
        p99Ms: figures.p99Us / 1000,
      })
    }
  } finally {
    await gateway.stop()
    await rm(gateway.dataDir, { recursive: true })
  }
  if (values.json) console.log(JSON.stringify(rows.slice(1)))
  else console.table(rows.slice(1))
}

/** Tokens of new decisions. */
async function decide(gateway: ServerProcess, count: number): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: ASKED_AT_ONCE })
  const tokens: string[] = []
  let asked = 0
  const askOn = async (): Promise<void> => {
    while (asked < count) {
      const unitId = `user-${asked++}`
      const body = JSON.stringify({ experiment: "banner-ctr", unitId, features: AD_FEATURES })
      tokens.push(answerSchema.parse(JSON.parse(await post(`${gateway.url}/predict`, body, agent))).decision)
    }
  }
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askOn))
  agent.destroy()
  return tokens
}

function post(url: string, body: string, agent: Agent): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const headers = { "content-type": "application/json" }
  request(url, { method: "POST", agent, headers }, (response) => {
    let text = ""
    response.on("data", (chunk) => (text += String(chunk)))
    response.on("end", () => resolve(text))
  })
    .on("error", reject)
    .end(body)
  return promise
}

function bodies(tokens: readonly string[], each: number): string[] {
  if (each === 1) return tokens.map((decision) => JSON.stringify({ decision }))
  return Array.from({ length: Math.floor(tokens.length / each) }, (_, i) =>
    JSON.stringify(tokens.slice(i * each, (i + 1) * each).map((decision) => ({ decision }))),
  )
}

await main()
