/**
 * Edits while predictions run: whether a prediction fails or sees half of an edit, how long an edit takes, and how long until every connection is
 * served by it. Then races of fifty editors. Prints figures; asserts none.
 *
 *   npm run bench:edits -- [--edits 1000] [--threads 2] [--connections 16] [--races 20] [--addresses http://…,http://…] [--json]
 *
 * With `--addresses` it measures gateways that run already, over one store: the first is edited, all are asked.
 */
import { rm } from "node:fs/promises"
import { setTimeout as wait } from "node:timers/promises"
import { parseArgs } from "node:util"
import { JsonOverHttp } from "#src/cli/demo/http-json.ts"
import { GatewayClient, GatewayProblem } from "../examples/client.ts"
import { startGateway } from "./gateway.ts"

const ID = "bench-edits"
const EDITORS = 50
/** Between two requests of a connection: what is measured is edits, not a machine that is full. */
const PAUSE_MS = 10

/** Every revision gives everyone one variant: the even ones another than the odd ones, by another policy. So half of an edit shows. */
function policyOf(revision: number): Readonly<Record<string, unknown>> {
  return { kind: "canary", challenger: "challenger", share: revision % 2, minPropensity: 0 }
}

function documentOf(revision: number) {
  return {
    id: ID,
    description: `of revision ${revision}`,
    variants: [
      { id: "champion", backend: { kind: "embedded" as const, model: "ctr-raw" } },
      { id: "challenger", backend: { kind: "embedded" as const, model: "ctr-prefixed" } },
    ],
    control: "champion",
    policy: policyOf(revision) as never,
  }
}

/** What a connection saw: when it first had an answer by each revision or a later one. */
interface Seen {
  answers: number
  failed: number
  torn: number
  /** By revision, milliseconds. */
  readonly firstMs: number[]
}

/** Asks until it is told to stop, one request after the other. */
async function ask(address: string, stop: AbortSignal): Promise<Seen> {
  const http = new JsonOverHttp(address, 1)
  const seen: Seen = { answers: 0, failed: 0, torn: 0, firstMs: [] }
  for (let unit = 0; !stop.aborted; unit++) {
    try {
      const body = { experiment: ID, unitId: `u${unit}`, features: { hour: "14102100", banner_pos: "0" } }
      const { revision, variant, model, propensity } = (await http.post("/predict", body)) as Record<string, unknown>
      const [expected, ofModel] = Number(revision) % 2 === 1 ? ["challenger", "ctr-prefixed"] : ["champion", "ctr-raw"]
      if (variant !== expected || model !== ofModel || propensity !== 1) seen.torn += 1
      for (let known = seen.firstMs.length; known <= Number(revision); known++) seen.firstMs[known] = performance.now()
      seen.answers += 1
    } catch {
      seen.failed += 1
    }
    await wait(PAUSE_MS)
  }
  http.close()
  return seen
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      edits: { type: "string", default: "1000" },
      threads: { type: "string", default: "2" },
      connections: { type: "string", default: "16" },
      races: { type: "string", default: "20" },
      addresses: { type: "string" },
      json: { type: "boolean", default: false },
    },
  })
  const gateway =
    values.addresses === undefined
      ? await startGateway("0,1", ".", { THREADS: values.threads, LOG_LEVEL: "error" })
      : undefined
  const addresses = gateway === undefined ? (values.addresses ?? "").split(",") : [gateway.url]
  try {
    const figures = await measure(addresses, Number(values.edits), Number(values.connections), Number(values.races))
    if (values.json) console.log(JSON.stringify(figures))
    else console.table(figures)
  } finally {
    await gateway?.stop()
    if (gateway !== undefined) await rm(gateway.dataDir, { recursive: true })
  }
}

async function measure(addresses: readonly string[], edits: number, connections: number, races: number) {
  const [address = ""] = addresses
  const client = new GatewayClient({ address })
  let revision = (await client.putExperiment({ experiment: ID, body: documentOf(1), ifNoneMatch: "*" })).body.revision
  const stop = new AbortController()
  const asking = Array.from({ length: connections }, (_, index) =>
    ask(addresses[index % addresses.length] ?? address, stop.signal),
  )
  const sentMs: number[] = []
  const editMs: number[] = []
  for (let edit = 0; edit < edits; edit++) {
    const sent = performance.now()
    sentMs[revision + 1] = sent
    const edited = { experiment: ID, ifMatch: `"${revision}"`, body: documentOf(revision + 1) }
    revision = (await client.putExperiment(edited)).body.revision
    editMs.push(performance.now() - sent)
  }
  const last = revision
  // Until the slowest connection has seen the last edit.
  await wait(2_500)
  stop.abort()
  const seen = await Promise.all(asking)
  const propagationMs = seen.flatMap(({ firstMs }) =>
    sentMs.map((sent, of) => (firstMs[of] ?? Number.POSITIVE_INFINITY) - sent),
  )
  const raceWins: number[] = []
  for (let race = 0; race < races; race++) {
    const won = await Promise.all(Array.from({ length: EDITORS }, (_, editor) => tryToWin(client, revision, editor)))
    raceWins.push(won.filter(Boolean).length)
    revision += 1
  }
  return {
    edits,
    revisions: last,
    connections,
    predictions: seen.reduce((sum, { answers }) => sum + answers, 0),
    failed: seen.reduce((sum, { failed }) => sum + failed, 0),
    torn: seen.reduce((sum, { torn }) => sum + torn, 0),
    editP50Ms: quantile(editMs, 0.5),
    editP99Ms: quantile(editMs, 0.99),
    propagationP50Ms: quantile(propagationMs.filter(Number.isFinite), 0.5),
    propagationP99Ms: quantile(propagationMs, 0.99),
    races,
    racesWonByOne: raceWins.filter((wins) => wins === 1).length,
  }
}

async function tryToWin(client: GatewayClient, revision: number, editor: number): Promise<boolean> {
  try {
    await client.patchExperiment({
      experiment: ID,
      ifMatch: `"${revision}"`,
      body: { description: `race for ${revision} by ${editor}` },
    })
    return true
  } catch (error) {
    if (error instanceof GatewayProblem && error.problem.code === "precondition_failed") return false
    throw error
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b)
  return Number((sorted[Math.ceil(q * sorted.length) - 1] ?? Number.NaN).toFixed(1))
}

await main()
