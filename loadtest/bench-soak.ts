/**
 * Memory over time: a gateway with a stream, and Redis or SQLite, under a steady load, one request in ten a reward. Looks every half minute at what lives on the
 * heap of each thread after a full collection, and at the memory of the process; prints how fast they grow once it is warm, and how long 1 GiB of
 * outcome log lasts at that rate. With --kinds it also prints of what there is more on the heaps at the end than after the warm-up: that takes
 * memory of the process, whose own figures say nothing then. Prints figures; asserts none.
 *
 *   npm run bench:soak -- [--minutes 30] [--rate 1000] [--warm-up 5] [--store redis|sqlite] [--kinds] [--json]
 */
import { rm } from "node:fs/promises"
import { parseArgs } from "node:util"
import { type Gateway, startGateway } from "./gateway.ts"
import { grownKinds, type HeapKinds } from "./heap-kinds.ts"
import { type HeapProbe, type LiveMemory, probeHeap } from "./heap-probe.ts"
import { type PacedFigures, runPaced } from "./paced-run.ts"
import { type RedisProcess, startRedisProcess } from "./redis-process.ts"
import { freePort, type ServerProcess, startServer } from "./server-process.ts"

const SERVER_CORE = 0
const CLIENT_CORE = 1
const PART_SECONDS = 30
const REWARD_SHARE = 0.1
const MIB = 1 << 20
const GIB = 1 << 30
const MOST_KINDS = 25

interface Sample {
  readonly seconds: number
  /** By thread. */
  readonly live: ReadonlyMap<string, LiveMemory>
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
      store: { type: "string", default: "redis" },
      kinds: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  })
  const { store } = values
  if (store !== "redis" && store !== "sqlite") throw new Error(`--store is redis or sqlite, not ${store}`)
  const inspectPort = await freePort()
  const redis = store === "redis" ? await startRedisProcess(CLIENT_CORE) : undefined
  const stream = await startSink()
  const gateway = await startGateway(SERVER_CORE, ".", settingsOf(redis, stream, inspectPort))
  const probe = await probeHeap(inspectPort)
  const soak = { gateway, probe, requestsPerSecond: Number(values.rate) }
  try {
    const cold = await samplesOf(soak, Number(values["warm-up"]))
    const before = values.kinds ? await probe.kinds() : undefined
    const warm = await samplesOf(soak, Number(values.minutes) - Number(values["warm-up"]))
    if (values.json) console.log(JSON.stringify([...cold, ...warm].map(toJson)))
    else console.table([...cold, ...warm].filter((_, index) => index % 2 === 1).map(rowOf))
    report(warm)
    if (before !== undefined) reportKinds(before, await probe.kinds())
  } finally {
    probe.close()
    await gateway.stop()
    await stream.stop()
    await redis?.stop()
    await rm(gateway.dataDir, { recursive: true })
  }
}

async function startSink(): Promise<ServerProcess> {
  const port = await freePort()
  const command = ["taskset", "-c", String(CLIENT_CORE), process.execPath, "loadtest/stream-sink.ts", String(port)]
  return await startServer(command, port, "/")
}

function settingsOf(
  redis: RedisProcess | undefined,
  stream: ServerProcess,
  inspectPort: number,
): Readonly<Record<string, string>> {
  return {
    LOG_LEVEL: "error",
    NODE_OPTIONS: `--inspect=127.0.0.1:${inspectPort}`,
    REDIS_URL: redis?.url ?? "",
    KINESIS_STREAM: "soak",
    AWS_ENDPOINT_URL_KINESIS: stream.url,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "any",
    AWS_SECRET_ACCESS_KEY: "any",
  }
}

interface Soak {
  readonly gateway: Gateway
  readonly probe: HeapProbe
  readonly requestsPerSecond: number
}

async function samplesOf({ gateway, probe, requestsPerSecond }: Soak, minutes: number): Promise<readonly Sample[]> {
  const until = performance.now() + minutes * 60_000
  const samples: Sample[] = []
  while (performance.now() < until) {
    const figures = await play(gateway, requestsPerSecond)
    samples.push({
      seconds: performance.now() / 1000,
      live: await probe.live(),
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

function rowOf({ seconds, live, residentBytes, cpuUs, servedPerSecond }: Sample): object {
  return {
    minute: Number((seconds / 60).toFixed(1)),
    "served/s": Math.round(servedPerSecond),
    ...Object.fromEntries(Array.from(live, ([thread, { heap }]) => [`${thread} heap MiB`, mebibytes(heap, 2)])),
    "code MiB": mebibytes(sumOf(live, "code"), 2),
    "outside heaps MiB": mebibytes(sumOf(live, "outside"), 2),
    "resident MiB": mebibytes(residentBytes, 0),
    "processor us per request": Math.round(cpuUs),
  }
}

function toJson({ live, ...rest }: Sample): object {
  return { ...rest, live: Object.fromEntries(live) }
}

function sumOf(live: Sample["live"], what: keyof LiveMemory): number {
  return live.values().reduce((sum, memory) => sum + memory[what], 0)
}

function mebibytes(bytes: number, digits: number): number {
  return Number((bytes / MIB).toFixed(digits))
}

function report(samples: readonly Sample[]): void {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined || samples.length < 3) {
    console.log("too short for a slope: --minutes has to be some minutes more than --warm-up")
    return
  }
  const say = (what: string, of: (sample: Sample) => number): void => {
    const { perSecond, standardError } = slopeOf(samples.map((sample) => [sample.seconds, of(sample)]))
    const [hourly, error] = [perSecond, standardError].map((slope) => mebibytes(slope * 3600, 2))
    const [from, to] = [first, last].map((sample) => mebibytes(of(sample), 1))
    console.log(
      `${what}: ${hourly} MiB an hour (standard error ${error}), from ${from} to ${to} MiB in ${samples.length} looks`,
    )
  }
  for (const thread of last.live.keys()) say(`heap of ${thread}`, ({ live }) => live.get(thread)?.heap ?? 0)
  say("compiled code", ({ live }) => sumOf(live, "code"))
  say("outside the heaps", ({ live }) => sumOf(live, "outside"))
  say("resident memory", ({ residentBytes }) => residentBytes)
  const bytesPerSecond = (last.logBytes - first.logBytes) / (last.seconds - first.seconds)
  console.log(`1 GiB of outcome log lasts ${(GIB / bytesPerSecond / 60).toFixed(0)} minutes at this rate`)
}

function reportKinds(before: ReadonlyMap<string, HeapKinds>, after: ReadonlyMap<string, HeapKinds>): void {
  for (const [thread, kinds] of after) {
    console.log(`more on the heap of ${thread} than after the warm-up:`)
    console.table(grownKinds(before.get(thread) ?? new Map(), kinds).slice(0, MOST_KINDS))
  }
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
