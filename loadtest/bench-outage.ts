/**
 * Predictions while Redis is away: an open loop at half of what the gateway can do, first with Redis, then while it is killed for a minute, then with it
 * again. One request in a hundred is a reward. The gateway has one core; the client and Redis have the other. Prints figures; asserts none, but fails where
 * a request was answered with anything but what it asked for or a refusal.
 *
 *   npm run bench:outage -- [--seconds 60] [--beside 8] [--rate n] [--json]
 *
 * `--beside`: seconds before and after the outage. `--rate`: requests a second instead of half of what was reached.
 */
import { rm } from "node:fs/promises"
import { parseArgs } from "node:util"
import { type Gateway, startGateway } from "./gateway.ts"
import { type PacedFigures, type PacedLoad, runPaced } from "./paced-run.ts"
import { startRedisProcess } from "./redis-process.ts"

const SERVER_CORE = 0
const CLIENT_CORE = 1
/** During the outage each reward holds one for a second. */
const CONNECTIONS = 256
const FULL_CONNECTIONS = 32
const WARM_UP_SECONDS = 5
const SETTLE_SECONDS = 3
const MORE_THAN_ALL = 100_000
const REWARD_SHARE = 0.01

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "60" },
      beside: { type: "string", default: "8" },
      rate: { type: "string" },
      json: { type: "boolean", default: false },
    },
  })
  const redis = await startRedisProcess(CLIENT_CORE)
  const gateway = await startGateway(SERVER_CORE, ".", { LOG_LEVEL: "error", REDIS_URL: redis.url })
  try {
    const capacity = await capacityOf(gateway)
    const rate = values.rate === undefined ? Math.round(capacity / 2) : Number(values.rate)
    const part = (seconds: number): Promise<PacedFigures> =>
      runPaced(gateway, load({ seconds, requestsPerSecond: rate, rewardShare: REWARD_SHARE }))
    const beside = Number(values.beside)
    // After being full it takes a moment to be well.
    await part(SETTLE_SECONDS)
    const before = await part(beside)
    await redis.kill()
    const away = await part(Number(values.seconds))
    await redis.start()
    const after = await part(beside)
    if (values.json) console.log(JSON.stringify({ capacity, rate, before, away, after }))
    else report(rate, { before, away, after })
  } finally {
    await gateway.stop()
    await redis.stop()
    await rm(gateway.dataDir, { recursive: true })
  }
}

/** Requests a second that are answered where 32 connections always have one; warms up besides. */
async function capacityOf(gateway: Gateway): Promise<number> {
  const full = load({ seconds: WARM_UP_SECONDS, requestsPerSecond: MORE_THAN_ALL, connections: FULL_CONNECTIONS })
  const { servedPerSecond } = await runPaced(gateway, {
    ...full,
    settleSeconds: WARM_UP_SECONDS / 2,
    patience: { ms: 0, refused: "returns" },
  })
  return servedPerSecond
}

function load(changes: Pick<PacedLoad, "seconds" | "requestsPerSecond"> & Partial<PacedLoad>): PacedLoad {
  const patience = { ms: 1_000, refused: "returns" } as const
  return { core: CLIENT_CORE, connections: CONNECTIONS, settleSeconds: 0.5, rewardShare: 0, patience, ...changes }
}

function report(rate: number, parts: Readonly<Record<"before" | "away" | "after", PacedFigures>>): void {
  console.log(`${rate} requests a second`)
  const rows = Object.entries(parts).map(
    ([part, { predictions, rewards, cpuUs, servedPerSecond, refused, givenUp, latenessP99Us }]) => ({
      Redis: part === "away" ? "is away" : `is there, ${part}`,
      "served/s": Math.round(servedPerSecond),
      "refused or given up": refused + givenUp,
      "p50 ms": milliseconds(predictions.p50Us),
      "p99 ms": milliseconds(predictions.p99Us),
      "p99.9 ms": milliseconds(predictions.p999Us),
      "slowest ms": milliseconds(predictions.maxUs),
      "rewards p50 ms": milliseconds(rewards?.p50Us ?? 0),
      "processor us per request": Math.round(cpuUs),
      "client late, p99 ms": milliseconds(latenessP99Us),
    }),
  )
  console.table(rows)
  const { before, away, after } = parts
  const healthy = (before.predictions.p99Us + after.predictions.p99Us) / 2
  console.log(`p99 without Redis by p99 with it: ${(away.predictions.p99Us / healthy).toFixed(2)}`)
}

function milliseconds(us: number): number {
  return Number((us / 1000).toFixed(2))
}

await main()
