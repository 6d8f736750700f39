import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import * as z from "zod"
import { builtOnce } from "./built-once.ts"
import { startSplit } from "./nginx-split.ts"
import { freePort, type ServerProcess, startServer } from "./server-process.ts"

const REQUIREMENTS = "loadtest/python-predictor/requirements.txt"
const PREDICTOR = "loadtest/python-predictor/predictor.py"

const run = promisify(execFile)

const answerSchema = z.object({ prediction: z.number() })

/** nginx `split_clients` in front of two plain Python predictors. */
export interface PythonSplit extends ServerProcess {
  /** Asks the predictor of a model, without nginx. */
  predict(model: Model, features: Readonly<Record<string, string>>): Promise<number>
}

export const MODELS = ["ctr-raw", "ctr-prefixed"] as const
export type Model = (typeof MODELS)[number]

/** Everything on one core: nginx and a predictor for each of the example's models. @throws Error saying what is missing */
export async function startPythonSplit(core: number): Promise<PythonSplit> {
  const python = join(await builtOnce("python-predictor", REQUIREMENTS, install), "bin/python")
  const folder = await mkdtemp(join(tmpdir(), "bandit-gateway-python-"))
  const started: ServerProcess[] = []
  const stop = async () => {
    for (const server of started.toReversed()) await server.stop()
    await rm(folder, { recursive: true })
  }
  try {
    const urls = {} as Record<Model, string>
    for (const model of MODELS) {
      const port = await freePort()
      // One core is one thread's: numerical libraries that start more would only wait for each other.
      const command = ["env", "OMP_NUM_THREADS=1", python, PREDICTOR, `examples/models/${model}`, String(port)]
      const server = await startServer(["taskset", "-c", String(core), ...command], port, "/healthz")
      started.push(server)
      urls[model] = server.url
    }
    const portOf = (model: Model) => Number(new URL(urls[model]).port)
    const ports = { champion: portOf("ctr-raw"), challenger: portOf("ctr-prefixed") }
    const split = await startSplit(folder, core, ports, "/healthz")
    started.push(split)
    const sum = async (read: (server: ServerProcess) => Promise<number>) =>
      (await Promise.all(started.map(read))).reduce((a, b) => a + b)
    return {
      url: split.url,
      cpuSeconds: () => sum((server) => server.cpuSeconds()),
      residentBytes: () => sum((server) => server.residentBytes()),
      stop,
      predict: (model, features) => predict(urls[model], features),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function predict(url: string, features: Readonly<Record<string, string>>): Promise<number> {
  const response = await fetch(`${url}/predict`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ features }),
  })
  return answerSchema.parse(await response.json()).prediction
}

/** Makes a virtual environment with what `requirements.txt` names. */
async function install(environment: string): Promise<void> {
  console.error(`installing what ${REQUIREMENTS} names (about a minute)`)
  try {
    await run("python3", ["-m", "venv", environment])
    const flags = ["--quiet", "--disable-pip-version-check", "--requirement", REQUIREMENTS]
    await run(join(environment, "bin/python"), ["-m", "pip", "install", ...flags])
  } catch (cause) {
    const needs = "Python 3.11 or newer with venv and pip (Debian: python3-venv), and at its first use a package index"
    throw new Error(`the Python predictor can't be installed. It needs ${needs}. ${String(cause)}`, { cause })
  }
}
