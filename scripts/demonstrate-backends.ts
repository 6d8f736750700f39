/**
 * A Thompson experiment over models that are elsewhere, from start to end: real requests, real rewards, the traffic moving to the better model.
 *
 *   node scripts/demonstrate-backends.ts mlserver [--decisions 2000]     two models of an MLServer (scripts/setup-tools.sh mlserver)
 *   node scripts/demonstrate-backends.ts sagemaker [--decisions 2000]    two production variants of a SageMaker endpoint that runs here
 *
 * Clicks are drawn with a seed: 4 per cent for the first model, 12 for the second. Prints what each variant got, and exits 1 where the second
 * didn't get most.
 */
import { spawn } from "node:child_process"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import seedrandom from "seedrandom"
import * as z from "zod"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"

const CLICK_RATES: Readonly<Record<string, number>> = { first: 0.04, second: 0.12 }
const FEATURES = ["a", "b", "c"]
const AT_ONCE = 20

/** Models of a server that is there now: the target, the backend of each variant, and how the server ends. */
interface Models {
  readonly target: object
  readonly backendOf: (variant: string) => object
  readonly environment: Readonly<Record<string, string>>
  readonly stop: () => void
}

async function startMlServer(folder: string): Promise<Models> {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache")
  const python = join(cache, "bandit-gateway/mlserver/bin/python")
  const script = fileURLToPath(new URL("../test/tools/servers/mlserver_models.py", import.meta.url))
  const port = 20_000 + (process.pid % 10_000)
  const models = join(folder, "models")
  await mkdir(models)
  const server = spawn(python, [script, models, String(port)], { stdio: "ignore" })
  const baseUrl = `http://127.0.0.1:${port}`
  for (let tries = 0; !(await isReady(`${baseUrl}/v2/models/second/ready`)); tries++) {
    if (tries > 200 || server.exitCode !== null)
      throw new Error("MLServer did not start: run scripts/setup-tools.sh mlserver")
    await wait(250)
  }
  const request = { inputs: [{ name: "x", datatype: "FP64", features: FEATURES }] }
  return {
    target: { kind: "http", protocol: "open-inference-v2", baseUrl },
    backendOf: (variant) => ({ kind: "http", target: "models", model: variant, request }),
    environment: {},
    stop: () => void server.kill("SIGKILL"),
  }
}

async function isReady(url: string): Promise<boolean> {
  return (await fetch(url).catch(() => undefined))?.ok ?? false
}

/** An endpoint with two production variants, each of which answers with its own prediction. */
async function startSageMaker(): Promise<Models> {
  const server = createServer((request, response) => {
    request.resume()
    const variant = request.headers["x-amzn-sagemaker-target-variant"]
    const headers = { "content-type": "text/csv", "x-amzn-invoked-production-variant": String(variant) }
    response.writeHead(200, headers).end(variant === "second" ? "0.12" : "0.04")
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    target: { kind: "sagemaker", endpoint: "ctr", region: "eu-west-1", endpointUrl: `http://127.0.0.1:${port}` },
    backendOf: (variant) => ({
      kind: "sagemaker",
      target: "models",
      variant,
      contentType: "text/csv",
      request: { features: FEATURES },
    }),
    environment: { AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: "secret" },
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { decisions: { type: "string", default: "2000" } },
    allowPositionals: true,
  })
  const folder = await mkdtemp(join(tmpdir(), "bandit-gateway-models-"))
  const models = positionals[0] === "sagemaker" ? await startSageMaker() : await startMlServer(folder)
  Object.assign(process.env, models.environment)
  const experiments = join(folder, "experiments")
  await mkdir(experiments)
  await writeFile(join(folder, "targets.yaml"), JSON.stringify({ targets: { models: models.target } }))
  const document = {
    id: "models",
    stickiness: "request",
    variants: ["first", "second"].map((id) => ({ id, backend: models.backendOf(id) })),
    control: "first",
    policy: { kind: "thompson" },
    refreshSeconds: 0.05,
    deadlineMs: 2000,
  }
  await writeFile(join(experiments, "models.json"), JSON.stringify(document))
  const gateway = await startGateway(
    parseConfig({
      PORT: "0",
      LOG_LEVEL: "warn",
      // The client of this script is in the same process.
      OVERLOAD_LIMITS: "off",
      SHUTDOWN_DELAY_SECONDS: "0",
      DATA_DIR: join(folder, "data"),
      EXPERIMENTS_DIR: experiments,
      TARGETS_FILE: join(folder, "targets.yaml"),
    }),
  )
  try {
    await play(gateway.address, Number(values.decisions))
    return await report(gateway.address)
  } finally {
    await gateway.stop()
    models.stop()
    await rm(folder, { recursive: true })
  }
}

const predicted = z.object({ variant: z.string(), decision: z.string(), degraded: z.literal(false) })

async function play(address: string, decisions: number): Promise<void> {
  const rng = seedrandom.alea("models")
  for (let done = 0; done < decisions; done += AT_ONCE) {
    const draws = Array.from({ length: AT_ONCE }, () => [rng(), rng(), rng(), rng()] as const)
    await Promise.all(
      draws.map(async ([a, b, c, luck]) => {
        const { variant, decision } = predicted.parse(await post(`${address}/predict`, { features: { a, b, c } }))
        if (luck < (CLICK_RATES[variant] ?? 0)) await post(`${address}/reward`, { decision })
      }),
    )
  }
}

async function post(url: string, body: object): Promise<unknown> {
  const headers = { "content-type": "application/json" }
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return await response.json()
}

const statistics = z.object({
  variants: z.array(
    z.object({
      id: z.string(),
      decisions: z.number(),
      rewards: z.number(),
      rate: z.number(),
      probabilityBest: z.number(),
    }),
  ),
})

async function report(address: string): Promise<number> {
  const { variants } = statistics.parse(await (await fetch(`${address}/admin/experiments/models/stats`)).json())
  console.table(variants)
  const [first, second] = variants
  return (second?.decisions ?? 0) > (first?.decisions ?? 0) ? 0 : 1
}

process.exitCode = await main()
