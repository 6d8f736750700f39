import { type ChildProcess, spawn } from "node:child_process"
import { type AddressInfo, createServer } from "node:net"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished } from "vitest"
import type { RemoteBackend } from "#src/domain/backends/backend.ts"
import { type LocatedTarget, parseTargets } from "#src/domain/backends/target.ts"
import { Targets } from "#src/entry/targets.ts"
import type { ModelAnswer, ModelEndpoint, OpaqueRequest } from "#src/ports/model-endpoint.ts"
import { modelCall } from "#test/model-call.ts"
import { realClock } from "#test/real-clock.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { pythonTool } from "./python-tool.ts"

const SERVERS = fileURLToPath(new URL("servers/", import.meta.url))
const INSTANCES = [
  { a: 1, b: 2, c: "3" },
  { a: 0, b: -4, c: 0.5 },
]
/** 0.5 a - 0.25 b + 2 c. */
const SCORES = [6, 2]
const FEATURES = ["a", "b", "c"]
const ROWS = { form: "row", features: FEATURES } as const

/** Ports that nobody has now, one after the other. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts a server in a group of its own, which ends with the test: Seldon's leaves children behind. @returns its origin, when it answers */
async function startServer(
  tool: string,
  script: string,
  probe: string,
  before: readonly string[] = [],
): Promise<string> {
  const port = await freePort()
  const args = [script, ...before, String(port)]
  const child: ChildProcess = spawn(pythonTool(tool), args, { cwd: SERVERS, detached: true, stdio: "ignore" })
  onTestFinished(() => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL")
  })
  const origin = `http://127.0.0.1:${port}`
  const answers = async () => {
    const response = await fetch(`${origin}${probe}`).catch(() => undefined)
    return response?.ok ?? false
  }
  await expect.poll(answers, { timeout: 50_000, interval: 250 }).toBe(true)
  return origin
}

async function modelAt(target: object, backend: Record<string, unknown>): Promise<ModelEndpoint> {
  const parsed = parseTargets({ targets: { t: target } })
  if (!parsed.ok) throw new Error(parsed.problems.join("\n"))
  const located = parsed.targets as ReadonlyMap<string, LocatedTarget>
  const targets = await Targets.open({ targets: located, threads: 1, clock: realClock, random: Math.random })
  onTestFinished(() => targets.close())
  return targets.endpointOf({ target: "t", ...backend } as RemoteBackend)
}

async function ask(model: ModelEndpoint, parts: Parameters<typeof modelCall>[0]): Promise<ModelAnswer> {
  return await model.predict(modelCall({ timeoutMs: 20_000, ...parts }))
}

function opaque(protocol: OpaqueRequest["protocol"], body: string | Uint8Array, headers = {}): OpaqueRequest {
  return { bytes: Buffer.from(body), contentType: undefined, headers, protocol }
}

async function scoresOf(model: ModelEndpoint): Promise<number[]> {
  const answer = await ask(model, { instances: INSTANCES })
  if (answer.kind !== "scores") throw new Error("no scores")
  return answer.scores.map((score) => Math.round(score * 1e6) / 1e6)
}

async function jsonOf(model: ModelEndpoint, payload: OpaqueRequest): Promise<unknown> {
  const answer = await ask(model, { payload })
  if (answer.kind !== "body") throw new Error("no body")
  return JSON.parse(Buffer.from(answer.body.bytes).toString())
}

const INPUTS = [{ name: "x", datatype: "FP64", features: FEATURES }]
const TENSOR = '{"inputs":[{"name":"x","shape":[2,3],"datatype":"FP64","data":[1,2,3,0,-4,0.5]}]}'

describe("given MLServer", () => {
  it("asks with tensors, passes bodies on, and says what the server doesn't take and where a document differs from it", async () => {
    const probe = "/v2/models/second/ready"
    const baseUrl = await startServer("mlserver", "mlserver_models.py", probe, [temporaryFolder()])
    const target = { kind: "http", protocol: "open-inference-v2", baseUrl }
    const model = await modelAt(target, { kind: "http", model: "first", request: { inputs: INPUTS } })
    expect(await scoresOf(model)).toEqual(SCORES)
    expect(await jsonOf(model, opaque("open-inference-v2", TENSOR))).toMatchObject({
      model_name: "first",
      outputs: [{ name: "score", data: SCORES }],
    })
    expect(await model.describe?.()).toMatchObject({ misfits: [], unread: undefined, reached: true })
    const misnamed = { inputs: [{ name: "y", datatype: "FP32", features: FEATURES }] }
    const other = await modelAt(target, { kind: "http", model: "first", request: misnamed, response: { column: 1 } })
    expect((await other.describe?.())?.misfits.map(({ pointer }) => pointer)).toEqual([
      "/request/inputs/0/name",
      "/request",
      "/response/column",
    ])
    const unknown = await modelAt(target, { kind: "http", model: "third", request: { inputs: INPUTS } })
    expect(await unknown.describe?.()).toMatchObject({ unread: expect.stringContaining("status 404"), reached: true })
    await expect(ask(unknown, { instances: INSTANCES })).rejects.toMatchObject({ code: "backend_failed" })
    const narrow = { ...INPUTS[0], features: ["a", "b"] }
    const wrong = await modelAt(target, { kind: "http", model: "first", request: { inputs: [narrow] } })
    await expect(ask(wrong, { instances: INSTANCES })).rejects.toMatchObject({ code: "backend_failed" })
    // It has no binary tensors.
    const binary = opaque("open-inference-v2", binaryTensor(), {
      "inference-header-content-length": String(HEADER.length),
    })
    await expect(ask(model, { payload: binary })).rejects.toMatchObject({ code: "backend_failed" })
  })
})

const HEADER =
  '{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","parameters":{"binary_data_size":12}}],"parameters":{"binary_data_output":true}}'

function binaryTensor(): Uint8Array {
  return Buffer.concat([Buffer.from(HEADER), Buffer.from(Float32Array.of(1, 2, 3).buffer)])
}

describe("given KServe", () => {
  it("asks in both of its protocols and passes binary tensors on and back", async () => {
    const baseUrl = await startServer("clients", "kserve_model.py", "/v2/models/scorer/ready")
    const v1 = { kind: "http", protocol: "tensorflow-v1", baseUrl }
    const rows = { kind: "http", model: "scorer", request: ROWS }
    const numbers = INSTANCES.map((instance) => ({ ...instance, c: Number(instance.c) }))
    const inV1 = await ask(await modelAt(v1, rows), { instances: numbers })
    expect(inV1).toEqual({ kind: "scores", scores: SCORES, status: 200 })
    const v2 = { kind: "http", protocol: "open-inference-v2", baseUrl }
    const model = await modelAt(v2, { kind: "http", model: "scorer", request: { inputs: INPUTS } })
    expect(await scoresOf(model)).toEqual(SCORES)
    const headers = { "inference-header-content-length": String(HEADER.length) }
    const answer = await ask(model, { payload: opaque("open-inference-v2", binaryTensor(), headers) })
    if (answer.kind !== "body") throw new Error("no body")
    const length = Number(answer.body.headers["inference-header-content-length"])
    const [score] = new Float32Array(Uint8Array.from(answer.body.bytes.subarray(length)).buffer)
    expect(score).toBe(6)
    expect(answer.body.contentType).toBe("application/octet-stream")
    const unknown = await modelAt(v1, { ...rows, model: "nope" })
    await expect(ask(unknown, { instances: numbers })).rejects.toMatchObject({ code: "backend_failed" })
  })
})

describe("given Seldon's microservice", () => {
  it("asks with named rows, passes messages on, and says where a document differs from the server", async () => {
    const baseUrl = await startServer("seldon", "seldon_model.py", "/health/ping")
    const model = await modelAt({ kind: "http", protocol: "seldon-v1", baseUrl }, { kind: "http", request: ROWS })
    expect(await model.describe?.()).toMatchObject({ misfits: [], unread: undefined, reached: true })
    const wide = await modelAt(
      { kind: "http", protocol: "seldon-v1", baseUrl },
      { kind: "http", request: { form: "row", features: ["a", "b"] } },
    )
    expect((await wide.describe?.())?.misfits.map(({ pointer }) => pointer)).toEqual(["/request/features"])
    const numbers = INSTANCES.map((instance) => ({ ...instance, c: Number(instance.c) }))
    expect(await ask(model, { instances: numbers })).toEqual({ kind: "scores", scores: SCORES, status: 200 })
    const message = '{"meta":{"puid":"p"},"data":{"names":["a","b","c"],"tensor":{"shape":[1,3],"values":[1,2,3]}}}'
    expect(await jsonOf(model, opaque("seldon-v1", message))).toMatchObject({
      meta: { puid: "p" },
      data: { tensor: { values: [6] } },
    })
    await expect(ask(model, { payload: opaque("seldon-v1", "{") })).rejects.toMatchObject({ code: "backend_failed" })
  })
})

describe("given moto's SageMaker runtime", () => {
  it.each(["signed", "sdk"])("invokes by the transport %s, at once and asynchronously", async (transport) => {
    const port = await freePort()
    const child = spawn(pythonTool("moto", "moto_server"), ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" })
    onTestFinished(() => void child.kill("SIGKILL"))
    const origin = `http://127.0.0.1:${port}`
    const reachable = async () => (await fetch(`${origin}/moto-api/`).catch(() => undefined))?.ok ?? false
    await expect.poll(reachable, { timeout: 50_000, interval: 250 }).toBe(true)
    const queue = async (name: string, results: readonly object[]): Promise<void> => {
      const body = JSON.stringify({ results })
      const { status } = await fetch(`${origin}/moto-api/static/sagemaker/${name}`, { method: "POST", body })
      expect(status).toBe(201)
    }
    process.env["AWS_ACCESS_KEY_ID"] = "AKID"
    process.env["AWS_SECRET_ACCESS_KEY"] = "secret"
    onTestFinished(() => {
      delete process.env["AWS_ACCESS_KEY_ID"]
      delete process.env["AWS_SECRET_ACCESS_KEY"]
    })
    const target = {
      kind: "sagemaker",
      endpoint: "ctr",
      region: "us-east-1",
      endpointUrl: origin,
      inputPrefix: "s3://inputs/",
      transport,
    }
    await queue("endpoint-results", [
      { Body: '{"predictions":[6,2]}', ContentType: "application/json", InvokedProductionVariant: "blue" },
    ])
    const model = await modelAt(target, { kind: "sagemaker", mode: "invoke", variant: "blue", request: ROWS })
    expect(await scoresOf(model)).toEqual(SCORES)
    await queue("async-endpoint-results", [{ data: '{"predictions":[1]}' }])
    const later = await modelAt(target, { kind: "sagemaker", mode: "async" })
    const headers = { "x-amzn-sagemaker-inputlocation": "s3://inputs/1.json" }
    expect(await ask(later, { payload: opaque("sagemaker-async", "", headers) })).toMatchObject({
      kind: "accepted",
      location: expect.stringMatching(/^s3:\/\/sagemaker-output-/),
    })
  })
})
