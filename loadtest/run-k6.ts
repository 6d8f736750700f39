/**
 * Plays ad traffic against a gateway with k6 and compares what the gateway counted with what the client saw: the difference must be 0.
 * Exits with k6's code, 1 when the counts differ.
 *
 *   node loadtest/run-k6.ts [--seconds 20] [--rate 200] [--url http://host:port]     default: starts a gateway of its own
 */
import { rm } from "node:fs/promises"
import { setTimeout as wait } from "node:timers/promises"
import { parseArgs } from "node:util"
import * as z from "zod"
import { startGateway } from "./gateway.ts"
import { runK6 } from "./k6-run.ts"

const EXPERIMENT = "banner-ctr"
const SCRIPT = "loadtest/k6/ad-traffic.ts"
/** Counters are folded off the request path; after this long they have been. */
const SETTLE_TIMEOUT_MS = 10_000

const STATS = z.object({ variants: z.array(z.object({ id: z.string(), decisions: z.number(), rewards: z.number() })) })
type VariantCounts = z.infer<typeof STATS>["variants"][number]

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
      rate: { type: "string", default: "200" },
      url: { type: "string" },
    },
  })
  if (values.url !== undefined) return await playAndCompare(values.url, values)
  const gateway = await startGateway()
  try {
    return await playAndCompare(gateway.url, values)
  } finally {
    await gateway.stop()
    await rm(gateway.dataDir, { recursive: true })
  }
}

async function playAndCompare(url: string, load: { readonly seconds: string; readonly rate: string }): Promise<number> {
  const before = await variantCounts(url)
  const { exitCode, counts } = await runK6(SCRIPT, {
    BASE_URL: url,
    EXPERIMENT,
    RATE: load.rate,
    DURATION_SECONDS: load.seconds,
    VARIANTS: before.map(({ id }) => id).join(","),
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
  before: readonly VariantCounts[],
  counts: ReadonlyMap<string, number>,
): Promise<readonly Comparison[]> {
  const giveUpAt = performance.now() + SETTLE_TIMEOUT_MS
  for (;;) {
    const comparisons = compare(before, await variantCounts(url), counts)
    if (!comparisons.some(isDifferent) || performance.now() > giveUpAt) return comparisons
    await wait(200)
  }
}

function compare(
  before: readonly VariantCounts[],
  after: readonly VariantCounts[],
  counts: ReadonlyMap<string, number>,
): readonly Comparison[] {
  return after.flatMap(({ id, decisions, rewards }) => {
    const start = before.find((variant) => variant.id === id)
    return [
      {
        what: `decisions of ${id}`,
        client: counts.get(`decisions{variant:${id}}`) ?? 0,
        gateway: decisions - (start?.decisions ?? 0),
      },
      {
        what: `rewards of ${id}`,
        client: counts.get(`rewards_applied{variant:${id}}`) ?? 0,
        gateway: rewards - (start?.rewards ?? 0),
      },
    ]
  })
}

function isDifferent({ client, gateway }: Comparison): boolean {
  return client !== gateway
}

async function variantCounts(url: string): Promise<readonly VariantCounts[]> {
  const response = await fetch(`${url}/admin/experiments/${EXPERIMENT}/stats`)
  return STATS.parse(await response.json()).variants
}

process.exitCode = await main()
