/**
 * What the gateway really replaces: nginx `split_clients` in front of two copies of a plain Python predictor (FastAPI, scikit-learn's FeatureHasher and
 * SGDClassifier) with the same two models, beside the gateway. Each has one core for all of its processes, the client the other. First it is
 * checked that both predict the same for the labelled ads of the example. Rounds alternate, the table shows medians. Prints figures; fails only where
 * predictions differ.
 *
 *   npm run bench:python -- [--seconds 4] [--rounds 3] [--json]
 */
import { readFile, rm } from "node:fs/promises"
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { loadModelFolder } from "#src/adapters/embedded-scorer/folder.ts"
import { startGateway } from "./gateway.ts"
import { mediansInTurns } from "./medians.ts"
import { MODELS, type PythonSplit, startPythonSplit } from "./python-predictor.ts"
import type { ServerProcess } from "./server-process.ts"
import { runWrk, type WrkFigures } from "./wrk-run.ts"

const SERVER_CORE = 0
const CLIENT_CORE = 1
const CONNECTIONS = [32, 1] as const
const WARM_UP_SECONDS = 8
const COMPARED_ADS = 200
const LARGEST_DIFFERENCE = 1e-12

/** Medians over the rounds. */
interface Row extends WrkFigures {
  readonly server: string
  readonly connections: number
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "4" },
      rounds: { type: "string", default: "3" },
      json: { type: "boolean", default: false },
    },
  })
  const python = await startPythonSplit(SERVER_CORE)
  try {
    const difference = await largestDifference(python)
    if (!(difference <= LARGEST_DIFFERENCE)) throw new Error(`predictions differ by up to ${difference}`)
    const gateway = await startGateway(SERVER_CORE)
    try {
      const rows = await measure({ python, gateway }, Number(values.seconds), Number(values.rounds))
      print(rows, difference, values.json)
    } finally {
      await gateway.stop()
      await rm(gateway.dataDir, { recursive: true })
    }
  } finally {
    await python.stop()
  }
}

/** Between the predictors and the gateway's scorer, over ads of the labelled sample and both models. */
async function largestDifference(python: PythonSplit): Promise<number> {
  const ads = await readAds(COMPARED_ADS)
  const differences: number[] = []
  for (const model of MODELS) {
    const scorer = await loadModelFolder("examples/models", model)
    const expected = scorer.score(ads)
    for (const [index, ad] of ads.entries()) {
      differences.push(Math.abs((await python.predict(model, ad)) - (expected[index] ?? Number.NaN)))
    }
  }
  return Math.max(...differences)
}

async function readAds(count: number): Promise<Record<string, string>[]> {
  const [head = "", ...lines] = (await readFile("examples/traffic/held-out-ads.csv", "utf8")).split("\n")
  const names = head.split(",")
  return lines.slice(0, count).map((line) => {
    const values = line.split(",")
    return Object.fromEntries(names.flatMap((name, place) => (name === "click" ? [] : [[name, values[place] ?? ""]])))
  })
}

async function measure(
  servers: Readonly<Record<string, ServerProcess>>,
  seconds: number,
  rounds: number,
): Promise<readonly Row[]> {
  for (const server of Object.values(servers)) {
    await runWrk(server, { core: CLIENT_CORE, connections: CONNECTIONS[0], seconds: WARM_UP_SECONDS })
  }
  const rows: Row[] = []
  for (const connections of CONNECTIONS) {
    const measured = await mediansInTurns(Object.entries(servers), rounds, ([, server]) =>
      runWrk(server, { core: CLIENT_CORE, connections, seconds }),
    )
    for (const [[server], figures] of measured) rows.push({ server, connections, ...figures })
  }
  return rows
}

function print(rows: readonly Row[], difference: number, json: boolean): void {
  const [python, gateway] = rows
  if (python === undefined || gateway === undefined) throw new Error("no run")
  const report = {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model ?? "unknown",
    node: process.version,
    comparedPredictions: COMPARED_ADS * MODELS.length,
    largestDifference: difference,
    ratio: gateway.requestsPerSecond / python.requestsPerSecond,
    cpuRatio: python.cpuUs / gateway.cpuUs,
    rows,
  }
  if (json) {
    console.log(JSON.stringify(report))
    return
  }
  console.log(`${report.date}, ${report.cpu}, Node ${report.node}, one core per server and all that belongs to it`)
  console.log(`${report.comparedPredictions} predictions compared, the largest difference is ${difference}`)
  console.table(
    rows.map((row) => ({
      ...row,
      requestsPerSecond: Math.round(row.requestsPerSecond),
      cpuUs: Math.round(row.cpuUs * 10) / 10,
    })),
  )
  console.log(`gateway / nginx and two Python predictors: ${report.ratio.toFixed(1)} by requests a second`)
  console.log(`                                           ${report.cpuRatio.toFixed(1)} by processor time per request`)
}

await main()
