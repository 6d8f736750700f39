/**
 * What a prediction costs that the gateway forwards to a model server: beside nginx `split_clients` doing the same, and beside the transport
 * alone. An nginx that answers a fixed prediction is the model server of all. All in one run; each server on one core, by processor time.
 *
 * - `embedded`: the gateway's own model, for comparison
 * - `forwarded`: an `http` target; event, token and metrics on
 * - `signed`: a `sagemaker` target whose requests the gateway signs
 * - the transport alone: as many calls as the gateway sends, from this process, unsigned and signed
 * - a body of 1 KiB and one of 64 KiB, passed through to a target of the same protocol
 *
 *   npm run bench:forward -- [--seconds 5] [--rounds 3]
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { RequestSigner } from "#src/adapters/sagemaker/signature.ts"
import { createOutboundHttp } from "#src/adapters/undici/outbound-http.ts"
import type { OutboundRequest } from "#src/ports/outbound-http.ts"
import { AD_FEATURES } from "./ad-features.ts"
import { startGateway } from "./gateway.ts"
import { mediansInTurns } from "./medians.ts"
import { startPredictor, startSplit } from "./nginx-split.ts"
import type { ServerProcess } from "./server-process.ts"
import { runWrk } from "./wrk-run.ts"

const SERVER_CORE = 0
/** The client and the model server. */
const CLIENT_CORE = 1
const CONNECTIONS = 32
/** So long it takes until V8 has compiled what a forwarded prediction runs through: with 4 s it took a third more processor time. */
const WARM_UP_SECONDS = 20
/** Before each measurement: while the others had their turn, a server on Node has given memory back. */
const SETTLE_SECONDS = 2
const CREDENTIALS = { accessKeyId: "AKID", secretAccessKey: "secret" }
const REGION = "eu-west-1"
const POINTER = { pointer: "/prediction" }
/** Requests of one measurement of the transport, and of bodies; and before it, until what they run through is compiled. */
const CALLS = { before: 20_000, measured: 20_000 }
const BODIES = { before: 12_000, measured: 3_000 }

type Backend = Readonly<Record<string, unknown>>

/** The example's experiment with both variants at one backend, and the targets that it may name. */
async function startForwarding(folder: string, name: string, backend: Backend, modelUrl: string) {
  const experiments = await mkdtemp(join(folder, `${name}-`))
  const limits = { maxBodyBytes: 1 << 20, maxConcurrent: 256 }
  const targets = {
    plain: { kind: "http", protocol: "json", baseUrl: `${modelUrl}/predict`, ...limits },
    tensors: { kind: "http", protocol: "open-inference-v2", baseUrl: modelUrl, ...limits },
    signed: { kind: "sagemaker", endpoint: "ctr", region: REGION, endpointUrl: modelUrl, ...limits },
  }
  const file = join(experiments, "targets.yaml")
  await writeFile(file, JSON.stringify({ targets }))
  const variants = ["champion", "challenger"].map((id) => ({ id, backend }))
  const document = { id: "banner-ctr", variants, control: "champion", policy: { kind: "thompson" }, deadlineMs: 2000 }
  await writeFile(join(experiments, "banner-ctr.json"), JSON.stringify(document))
  return await startGateway(SERVER_CORE, ".", {
    EXPERIMENTS_DIR: experiments,
    TARGETS_FILE: file,
    OVERLOAD_LIMITS: "off",
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  })
}

/** This process's microseconds of processor time for each call of the transport alone. */
async function transportUs(modelUrl: string, signed: boolean): Promise<number> {
  const outbound = createOutboundHttp({ origin: modelUrl, connections: CONNECTIONS, maxAnswerBytes: 1 << 20 })
  const signer = new RequestSigner(REGION)
  const host = new URL(modelUrl).host
  const request: Pick<OutboundRequest, "path" | "headers" | "body"> = {
    path: "/predict",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(AD_FEATURES),
  }
  const send = async () => {
    const body = request.body ?? ""
    const headers = signed
      ? signer.sign(
          { method: "POST", path: request.path, host, headers: request.headers, body },
          CREDENTIALS,
          Date.now(),
        )
      : request.headers
    const result = await outbound.send({ ...request, method: "POST", headers }, 5_000)
    if (!result.ok) throw result.error
  }
  await inParallel(CALLS.before, send)
  const before = process.cpuUsage()
  await inParallel(CALLS.measured, send)
  const { user, system } = process.cpuUsage(before)
  await outbound.close()
  return (user + system) / CALLS.measured
}

async function inParallel(count: number, send: () => Promise<void>): Promise<void> {
  let left = count
  const one = async () => {
    while (left-- > 0) await send()
  }
  await Promise.all(Array.from({ length: 16 }, one))
}

/** A server's microseconds of processor time for each body of this size that is passed through it. */
async function passedUs(gateway: ServerProcess, bytes: number): Promise<number> {
  const outbound = createOutboundHttp({ origin: gateway.url, connections: 16, maxAnswerBytes: 1 << 20 })
  const head = '{"inputs":[{"name":"x","shape":[1,1],"datatype":"BYTES","data":["'
  const tail = '"]}]}'
  const body = `${head}${"x".repeat(bytes - head.length - tail.length)}${tail}`
  const request = {
    method: "POST",
    path: "/v2/models/banner-ctr/infer",
    headers: { "content-type": "application/json" },
    body,
  } as const
  const send = async () => {
    const result = await outbound.send(request, 5_000)
    if (!result.ok || result.answer.status !== 200) throw new Error("a body was not passed through")
  }
  await inParallel(BODIES.before, send)
  const before = await gateway.cpuSeconds()
  await inParallel(BODIES.measured, send)
  const used = (await gateway.cpuSeconds()) - before
  await outbound.close()
  return (used / BODIES.measured) * 1e6
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seconds: { type: "string", default: "5" }, rounds: { type: "string", default: "3" } },
  })
  const folder = await mkdtemp(join(tmpdir(), "bandit-gateway-forward-"))
  const servers = new Map<string, ServerProcess>()
  const dataDirs: string[] = []
  try {
    const model = await startPredictor(folder, CLIENT_CORE)
    servers.set("model", model)
    const port = Number(new URL(model.url).port)
    servers.set("nginx", await startSplit(folder, SERVER_CORE, { champion: port, challenger: port }, "/"))
    const backends: Readonly<Record<string, Backend>> = {
      embedded: { kind: "embedded", model: "ctr-raw" },
      forwarded: { kind: "http", target: "plain", response: POINTER },
      signed: { kind: "sagemaker", target: "signed", request: { body: "$instance" }, response: POINTER },
      passed: { kind: "http", target: "tensors", model: "ctr" },
    }
    for (const [name, backend] of Object.entries(backends)) {
      const gateway = await startForwarding(folder, name, backend, model.url)
      servers.set(name, gateway)
      dataDirs.push(gateway.dataDir)
    }
    const contestants = ["nginx", "embedded", "forwarded", "signed"]
    const serverOf = (name: string) => servers.get(name) as ServerProcess
    const load = { core: CLIENT_CORE, connections: CONNECTIONS }
    for (const name of contestants) await runWrk(serverOf(name), { ...load, seconds: WARM_UP_SECONDS })
    const measured = await mediansInTurns(contestants, Number(values.rounds), async (name) => {
      await runWrk(serverOf(name), { ...load, seconds: SETTLE_SECONDS })
      return await runWrk(serverOf(name), { ...load, seconds: Number(values.seconds) })
    })
    const costs = new Map<string, number>(measured.map(([name, { cpuUs }]) => [name, cpuUs]))
    costs.set("transport alone", await transportUs(model.url, false))
    costs.set("transport alone, signed", await transportUs(model.url, true))
    costs.set("1 KiB passed", await passedUs(serverOf("passed"), 1 << 10))
    costs.set("64 KiB passed", await passedUs(serverOf("passed"), 64 << 10))
    print(costs)
  } finally {
    for (const server of servers.values()) await server.stop()
    for (const path of [folder, ...dataDirs]) await rm(path, { recursive: true })
  }
}

function print(costs: ReadonlyMap<string, number>): void {
  const cost = (name: string) => costs.get(name) ?? Number.NaN
  console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model ?? "unknown"}, Node ${process.version}`)
  console.table(
    [...costs].map(([what, us]) => ({ what, cpuUs: Math.round(us * 10) / 10, ofNginx: ratio(cost("nginx") / us) })),
  )
  console.log(`64 KiB passed / 1 KiB passed: ${ratio(cost("64 KiB passed") / cost("1 KiB passed"))}`)
}

function ratio(value: number): string {
  return value.toFixed(3)
}

await main()
