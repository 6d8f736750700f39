/**
 * Durable rewards: single ones at 32 and at 256 connections, and arrays of 100. The gateway has one core, the client the other. Every reward is
 * posted once. Prints figures, medians over the rounds; asserts none.
 *
 * With `--beside`, a gateway of another checkout is measured too, in turns.
 *
 *   npm run bench:rewards -- [--seconds 3] [--rounds 3] [--beside FOLDER] [--json]
 */
import { rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Gateway, startGateway } from "./gateway.ts"
import { medians } from "./medians.ts"
import { createTokens } from "./reward-tokens.ts"
import { postLines, type WrkFigures } from "./wrk-run.ts"

const SERVER_CORE = 0
const CLIENT_CORE = 1
const WARM_UP_SECONDS = 5
/** More than the gateway answers. */
const MOST_PER_SECOND = { single: 20_000, array: 60_000 }
const IN_ARRAY = 100

interface Load {
  readonly name: string
  readonly connections: number
  /** Rewards in a body. */
  readonly each: number
}

const LOADS: readonly Load[] = [
  { name: "single, 32 connections", connections: 32, each: 1 },
  { name: "single, 256 connections", connections: 256, each: 1 },
  { name: "arrays of 100, 32 connections", connections: 32, each: IN_ARRAY },
]

interface Contestant {
  readonly checkout: string
  readonly gateway: Gateway
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
  const contestants: Contestant[] = []
  try {
    for (const checkout of values.beside === undefined ? ["."] : [values.beside, "."]) {
      const gateway = await startGateway(SERVER_CORE, checkout)
      contestants.push({ checkout, gateway, tokens: await createTokens(gateway) })
    }
    const rows = await measure(contestants, Number(values.seconds), Number(values.rounds))
    if (values.json) console.log(JSON.stringify(rows))
    else console.table(rows)
  } finally {
    for (const { gateway } of contestants) {
      await gateway.stop()
      await rm(gateway.dataDir, { recursive: true })
    }
  }
}

async function measure(contestants: readonly Contestant[], seconds: number, rounds: number): Promise<object[]> {
  for (const contestant of contestants) {
    for (const load of LOADS) await post(contestant, load, WARM_UP_SECONDS)
  }
  const rows: object[] = []
  for (const load of LOADS) {
    const runs = new Map<Contestant, WrkFigures[]>(contestants.map((contestant) => [contestant, []]))
    for (let round = 0; round < rounds; round++) {
      for (const [contestant, figures] of runs) figures.push(await post(contestant, load, seconds))
    }
    for (const [{ checkout }, figures] of runs) rows.push(rowOf(checkout, load, medians(figures)))
  }
  return rows
}

async function post({ gateway, tokens }: Contestant, { connections, each }: Load, seconds: number) {
  const count = seconds * (each === 1 ? MOST_PER_SECOND.single : MOST_PER_SECOND.array)
  const file = join(gateway.dataDir, "bodies.txt")
  await writeFile(file, bodies(tokens(count), each).join("\n"))
  return await postLines(gateway, { core: CLIENT_CORE, connections, seconds }, file, "/reward")
}

function bodies(tokens: readonly string[], each: number): string[] {
  if (each === 1) return tokens.map((decision) => JSON.stringify({ decision }))
  return Array.from({ length: Math.floor(tokens.length / each) }, (_, i) =>
    JSON.stringify(tokens.slice(i * each, (i + 1) * each).map((decision) => ({ decision }))),
  )
}

function rowOf(checkout: string, { name, each }: Load, figures: WrkFigures): object {
  return {
    checkout,
    load: name,
    rewardsPerSecond: Math.round(figures.requestsPerSecond * each),
    cpuUsPerReward: Number((figures.cpuUs / each).toFixed(1)),
    p50Ms: figures.p50Us / 1000,
    p99Ms: figures.p99Us / 1000,
  }
}

await main()
