/**
 * Plays ad traffic against a gateway with k6 and compares what the gateway counted with what the client saw: the difference must be 0.
 * A gateway of its own is stopped afterwards, and its counters compared with its outcome log.
 * Exits with k6's code, 1 when counts differ.
 *
 *   node loadtest/run-k6.ts [--seconds 20] [--rate 100] [--url http://host:port]     default: starts a gateway of its own
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { rm } from "node:fs/promises"
import { setTimeout as wait } from "node:timers/promises"
import { parseArgs } from "node:util"
import { startGateway } from "./gateway.ts"
import { type GatewayCount, gatewayCounts, variantIds } from "./gateway-counts.ts"
import { runK6 } from "./k6-run.ts"

const EXPERIMENT = "banner-ctr"
const SCRIPT = "loadtest/k6/ad-traffic.ts"
/** Counters are folded off the request path; after this long they have been. */
const SETTLE_TIMEOUT_MS = 10_000

/** One number that both sides have counted. */
interface Comparison {
  readonly what: string
  readonly client: number
  readonly gateway: number
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "20" },
      rate: { type: "string", default: "100" },
      url: { type: "string" },
    },
  })
  if (values.url !== undefined) return await playAndCompare(values.url, values)
  const gateway = await startGateway()
  try {
    const played = await playAndCompare(gateway.url, values)
    await gateway.stop()
    const rebuilt = await checkRebuild(gateway.dataDir)
    return played === 0 ? rebuilt : played
  } finally {
    await gateway.stop()
    await rm(gateway.dataDir, { recursive: true })
  }
}

async function playAndCompare(url: string, load: { readonly seconds: string; readonly rate: string }): Promise<number> {
  const before = await gatewayCounts(url, EXPERIMENT)
  const { exitCode, counts } = await runK6(SCRIPT, {
    BASE_URL: url,
    EXPERIMENT,
    RATE: load.rate,
    DURATION_SECONDS: load.seconds,
    VARIANTS: (await variantIds(url, EXPERIMENT)).join(","),
  })
  const comparisons = await settledComparisons(url, before, counts)
  console.table(comparisons.map((row) => ({ ...row, difference: row.gateway - row.client })))
  const differs = comparisons.some(isDifferent)
  if (differs) console.error("the gateway's counts differ from the client's")
  return exitCode === 0 && differs ? 1 : exitCode
}

/** Compares until both sides agree or time is up. */
async function settledComparisons(
  url: string,
  before: readonly GatewayCount[],
  counts: ReadonlyMap<string, number>,
): Promise<readonly Comparison[]> {
  const giveUpAt = performance.now() + SETTLE_TIMEOUT_MS
  for (;;) {
    const comparisons = compare(before, await gatewayCounts(url, EXPERIMENT), counts)
    if (!comparisons.some(isDifferent) || performance.now() > giveUpAt) return comparisons
    await wait(200)
  }
}

function compare(
  before: readonly GatewayCount[],
  after: readonly GatewayCount[],
  counts: ReadonlyMap<string, number>,
): readonly Comparison[] {
  return after.map(({ what, value, clientCounters }) => ({
    what,
    client: clientCounters.reduce((sum, name) => sum + (counts.get(name) ?? 0), 0),
    gateway: value - (before.find((count) => count.what === what)?.value ?? 0),
  }))
}

/** The counters that the stopped gateway left, against its outcome log. @returns the command's exit code, 1 where they differ */
async function checkRebuild(dataDir: string): Promise<number> {
  const command = [`DATA_DIR=${dataDir}`, process.execPath, "src/cli/main.ts", "rebuild", "--check"]
  const child = spawn("env", command, { stdio: "inherit" })
  const [code] = await once(child, "exit")
  return typeof code === "number" ? code : 1
}

function isDifferent({ client, gateway }: Comparison): boolean {
  return client !== gateway
}

process.exitCode = await main()
