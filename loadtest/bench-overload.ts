/**
 * The gateway under more requests than it can answer: an open loop at three times its capacity for a minute, over so many connections that their
 * requests alone are more than it can answer in time. A request that finds every connection busy is given up by its caller. Prints figures; asserts
 * none.
 *
 *   npm run bench:overload -- [--seconds 60] [--times 3] [--connections 512] [--refused waits|returns] [--limits off] [--json]
 *
 * `--refused returns`: callers that don't wait as `Retry-After` asks them to. `--limits`: OVERLOAD_LIMITS of the gateway.
 */
import { rm } from "node:fs/promises"
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { startGateway } from "./gateway.ts"
import { type OverloadFigures, runOverload } from "./overload-run.ts"
import type { PacedFigures } from "./paced-run.ts"

const SERVER_CORE = 0
const CLIENT_CORE = 1
const PART_SECONDS = 6

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "60" },
      times: { type: "string", default: "3" },
      connections: { type: "string", default: "512" },
      refused: { type: "string", default: "waits" },
      limits: { type: "string", default: "" },
      json: { type: "boolean", default: false },
    },
  })
  const { refused, limits } = values
  if (refused !== "waits" && refused !== "returns") throw new Error(`--refused is waits or returns, not ${refused}`)
  const gateway = await startGateway(SERVER_CORE, ".", { OVERLOAD_LIMITS: limits, LOG_LEVEL: "error" })
  try {
    const figures = await runOverload(gateway, {
      core: CLIENT_CORE,
      connections: Number(values.connections),
      times: Number(values.times),
      seconds: Number(values.seconds),
      partSeconds: PART_SECONDS,
      refused,
    })
    if (values.json) console.log(JSON.stringify(figures))
    else print(figures)
  } finally {
    await gateway.stop()
    await rm(gateway.dataDir, { recursive: true })
  }
}

function print(figures: OverloadFigures): void {
  const { capacity, healthy, overloaded, health, residentBytes, recoveredAfterSeconds } = figures
  console.log(
    `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model ?? "unknown"}, Node ${process.version}, one core for the gateway. ` +
      `Capacity: ${Math.round(capacity)} predictions a second`,
  )
  console.table([row("half of it", healthy, capacity), row("overload", overloaded, capacity)])
  const { refusals } = overloaded
  if (refusals !== undefined) {
    console.log(
      `refusals: p50 ${milliseconds(refusals.p50Us)} ms, p99 ${milliseconds(refusals.p99Us)} ms, from when they were sent`,
    )
  }
  console.log(`/healthz: ${health.asked} asked, ${health.failed} failed, the slowest ${Math.round(health.worstMs)} ms`)
  console.log(`memory: ${megabytes(residentBytes.before)} MB before, at most ${megabytes(residentBytes.most)} MB`)
  console.log(`served without a refusal ${recoveredAfterSeconds ?? "more than 10"} s after the overload`)
}

function row(what: string, figures: PacedFigures, capacity: number): object {
  const { servedPerSecond, refused, givenUp, predictions } = figures
  return {
    what,
    "served/s": Math.round(servedPerSecond),
    "of capacity": Number((servedPerSecond / capacity).toFixed(2)),
    "p50 ms": milliseconds(predictions.p50Us),
    "p99 ms": milliseconds(predictions.p99Us),
    refused,
    "given up": givenUp,
    "client late, p99 ms": milliseconds(figures.latenessP99Us),
  }
}

function milliseconds(us: number): number {
  return Number((us / 1000).toFixed(1))
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6)
}

await main()
