/**
 * Memory over time: a gateway with Redis and a stream under a steady load, one request in ten a reward. Looks every half minute at what lives on the
 * heap after a full collection, and at the memory of the process; prints how fast both grow once it is warm, and how long 1 GiB of outcome log lasts at
 * that rate. Prints figures; asserts none.
 *
 *   npm run bench:soak -- [--minutes 30] [--rate 1000] [--warm-up 5] [--json]
 */
import { rm } from "node:fs/promises"
import { parseArgs } from "node:util"
import { type Gateway, startGateway } from "./gateway.ts"
import { type HeapProbe, probeHeap } from "./heap-probe.ts"
import { type PacedFigures, runPaced } from "./paced-run.ts"
import { type RedisProcess, startRedisProcess } from "./redis-process.ts"
import { freePort, type ServerProcess, startServer } from "./server-process.ts"

const SERVER_CORE = 0
const CLIENT_CORE = 1
const PART_SECONDS = 30
const REWARD_SHARE = 0.1
const MIB = 1 << 20
const GIB = 1 << 30

interface Sample {
  readonly seconds: number
  readonly liveBytes: number
  readonly residentBytes: number
  readonly logBytes: number
  readonly cpuUs: number
  readonly servedPerSecond: number
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "30" },
      rate: { type: "string", default: "1000" },
      "warm-up": { type: "string", default: "5" },
      json: { type: "boolean", default: false },
    },
  })
  const inspectPort = await freePort()
  const redis = await startRedisProcess(CLIENT_CORE)
  const stream = await startSink()
  const gateway = await startGateway(SERVER_CORE, ".", settingsOf(redis, stream, inspectPort))
  const probe = await probeHeap(inspectPort)
  try {
    const samples = await soak(gateway, probe, Number(values.minutes), Number(values.rate))
    if (values.json) console.log(JSON.stringify(samples))
    else console.table(samples.filter((_, index) => index % 2 === 1).map(rowOf))
    report(samples, Number(values["warm-up"]) * 60)
  } finally {
    probe.close()
    await gateway.stop()
    await stream.stop()
    await redis.stop()
    await rm(gateway.dataDir, { recursive: true })
  }
}

async function startSink(): Promise<ServerProcess> {
  const port = await freePort()
  const command = ["taskset", "-c", String(CLIENT_CORE), process.execPath, "loadtest/stream-sink.ts", String(port)]
  return await startServer(command, port, "/")
}

function settingsOf(redis: RedisProcess, stream: ServerProcess, inspectPort: number): Readonly<Record<string, string>> {
  return {
    LOG_LEVEL: "error",
    NODE_OPTIONS: `--inspect=127.0.0.1:${inspectPort}`,
    REDIS_URL: redis.url,
    KINESIS_STREAM: "soak",
    AWS_ENDPOINT_URL_KINESIS: stream.url,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "any",
    AWS_SECRET_ACCESS_KEY: "any",
  }
}

async function soak(gateway: Gateway, probe: HeapProbe, minutes: number, rate: number): Promise<readonly Sample[]> {
  const startedMs = performance.now()
  const samples: Sample[] = []
  while (performance.now() - startedMs < minutes * 60_000) {
    const figures = await play(gateway, rate)
    samples.push({
      seconds: (performance.now() - startedMs) / 1000,
      liveBytes: await probe.liveBytes(),
      residentBytes: await gateway.residentBytes(),
      logBytes: await logBytes(gateway),
      cpuUs: figures?.cpuUs ?? Number.NaN,
      servedPerSecond: figures?.servedPerSecond ?? Number.NaN,
    })
  }
  return samples
}

/** What failed is said, and the soak goes on. */
async function play(gateway: Gateway, rate: number): Promise<PacedFigures | undefined> {
  try {
    return await runPaced(gateway, {
      core: CLIENT_CORE,
      connections: 64,
      seconds: PART_SECONDS,
      settleSeconds: 0,
      requestsPerSecond: rate,
      rewardShare: REWARD_SHARE,
      // A machine that does something else at times may make the gateway refuse some.
      patience: { ms: 1000, refused: "returns" },
    })
  } catch (error) {
    console.error(String(error))
    return undefined
  }
}

async function logBytes({ url }: Gateway): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^bandit_log_bytes (\S+)$/m.exec(text)?.[1])
}

function rowOf({ seconds, liveBytes, residentBytes, cpuUs, servedPerSecond }: Sample): object {
  return {
    minute: Number((seconds / 60).toFixed(1)),
    "served/s": Math.round(servedPerSecond),
    "live heap MiB": Number((liveBytes / MIB).toFixed(2)),
    "resident MiB": Math.round(residentBytes / MIB),
    "processor us per request": Math.round(cpuUs),
  }
}

function report(samples: readonly Sample[], warmUpSeconds: number): void {
  const warm = samples.filter(({ seconds }) => seconds >= warmUpSeconds)
  const [first, last] = [warm[0], warm.at(-1)]
  if (first === undefined || last === undefined || warm.length < 3) {
    console.log("too short for a slope: --minutes has to be some minutes more than --warm-up")
    return
  }
  for (const [what, of] of [
    ["live heap", (sample: Sample) => sample.liveBytes],
    ["resident memory", (sample: Sample) => sample.residentBytes],
  ] as const) {
    const { perSecond, standardError } = slopeOf(warm.map((sample) => [sample.seconds, of(sample)]))
    const [hourly, error] = [perSecond, standardError].map((slope) => ((slope * 3600) / MIB).toFixed(2))
    const [from, to] = [first, last].map((sample) => (of(sample) / MIB).toFixed(1))
    console.log(
      `${what}: ${hourly} MiB an hour (standard error ${error}), from ${from} to ${to} MiB in ${warm.length} looks`,
    )
  }
  const bytesPerSecond = (last.logBytes - first.logBytes) / (last.seconds - first.seconds)
  console.log(`1 GiB of outcome log lasts ${(GIB / bytesPerSecond / 60).toFixed(0)} minutes at this rate`)
}

/** Least squares through (x, y). */
function slopeOf(points: readonly (readonly [number, number])[]): {
  readonly perSecond: number
  readonly standardError: number
} {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const meanX = mean(points.map(([x]) => x))
  const meanY = mean(points.map(([, y]) => y))
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  const perSecond = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread
  const left = points.reduce((sum, [x, y]) => sum + (y - meanY - perSecond * (x - meanX)) ** 2, 0)
  return { perSecond, standardError: Math.sqrt(left / (points.length - 2) / spread) }
}

await main()
