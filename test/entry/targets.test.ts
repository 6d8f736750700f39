import { readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished } from "vitest"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { type Respond, startLocalServer, startTcpServer } from "#test/local-server.ts"
import { METADATA } from "../fixtures/model-servers/exchanges.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { document } from "./documents.ts"

const MODELS_DIR = fileURLToPath(new URL("../../examples/models", import.meta.url))
const FEATURES = { hour: "14102100", site_id: "1fbe01fe" }
const SCORES: Respond = (_, response) => {
  response.writeHead(200, { "content-type": "application/json" }).end('{"prediction":0.25}')
}

/** A gateway whose challenger is at a target; the champion stands in. */
async function givenTarget(
  baseUrl: string,
  options: { threads?: number; changes?: Record<string, unknown>; protocol?: string; backend?: object } = {},
) {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  const TARGETS_FILE = join(DATA_DIR, "targets.yaml")
  const target = { kind: "http", protocol: options.protocol ?? "json", baseUrl, maxConcurrent: 8 }
  await writeFile(TARGETS_FILE, JSON.stringify({ targets: { "ctr-json": target } }))
  const backend = options.backend ?? { kind: "http", target: "ctr-json", response: { pointer: "/prediction" } }
  const variants = [
    { id: "champion", weight: 0.01, backend: { kind: "embedded", model: "ctr-raw" } },
    { id: "challenger", weight: 0.99, backend },
  ]
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), document("e", { variants, deadlineMs: 100, ...options.changes }))
  const gateway = await startGateway(
    parseConfig({
      PORT: "0",
      SHUTDOWN_DELAY_SECONDS: "0",
      LOG_LEVEL: "error",
      MODELS_DIR,
      DATA_DIR,
      EXPERIMENTS_DIR,
      TARGETS_FILE,
      THREADS: String(options.threads ?? 1),
    }),
  )
  onTestFinished(() => gateway.stop())
  const ask = async (path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }> => {
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }
    const response = await fetch(`${gateway.address}${path}`, body === undefined ? {} : init)
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const predict = (variant?: string) =>
    ask("/predict", { features: FEATURES, ...(variant === undefined ? {} : { variant }) })
  const metric = async (line: string) =>
    (await (await fetch(`${gateway.address}/metrics`)).text()).split("\n").find((one) => one.startsWith(`${line} `))
  return { gateway, ask, predict, metric, DATA_DIR }
}

describe.each([1, 2])("given %i threads and a target", (threads) => {
  it("asks it, shows how, and how it goes", async () => {
    const { origin, asked } = await startLocalServer(SCORES)
    // A busy machine may take long for the first call.
    const changes = { deadlineMs: 2_000 }
    const { ask, predict, metric } = await givenTarget(`${origin}/predict`, { threads, changes })
    expect(await predict("challenger")).toMatchObject({
      status: 200,
      body: { prediction: 0.25, variant: "challenger", model: "ctr-json", degraded: false },
    })
    expect(asked[0]).toMatchObject({
      method: "POST",
      path: "/predict",
      headers: { accept: "application/json, text/csv" },
    })
    expect(JSON.parse(String(asked[0]?.body))).toEqual(FEATURES)
    expect(Number(asked[0]?.headers["x-deadline-ms"])).toBeLessThanOrEqual(0.8 * 2_000 - 5)
    const explained = (await ask("/admin/experiments/e/explain?unitId=u")).body
    expect(explained["variants"]).toMatchObject([
      { id: "champion", request: null },
      {
        id: "challenger",
        request: { target: "ctr-json", path: "/predict", body: '{"every feature":"<every feature>"}' },
      },
    ])
    expect((await ask("/admin/experiments/e/stats")).body["variants"]).toMatchObject([
      { id: "champion", target: null, calls: { answered: 0, latencyMs: null } },
      { id: "challenger", target: { target: "ctr-json", circuit: "closed" } },
    ])
    expect((await ask("/readyz")).body).toMatchObject({ ready: true, parts: { targets: { ready: true } } })
    expect(await metric('bandit_target_calls{target="ctr-json",outcome="2xx"}')).toMatch(/ 1$/)
  })
})

describe.each([1, 2])("given %i threads and a server that describes its model", (threads) => {
  const backendOf = (features: readonly string[]) => ({
    kind: "http",
    target: "ctr-json",
    model: "first",
    request: { inputs: [{ name: "x", datatype: "FP64", features }] },
  })
  const misfit = "/request/inputs/0/features are 2, a column each; the server takes 3: x (FP64, [-1, 3])"

  it("says at its start and in a dry run where a document declares something else, and serves", async () => {
    const { status, body } = METADATA.find(({ server }) => server === "MLServer") ?? { status: 500, body: "" }
    const { origin } = await startLocalServer((_, response) => {
      response.writeHead(status, { "content-type": "application/json" }).end(body)
    })
    const { ask, gateway } = await givenTarget(origin, {
      threads,
      protocol: "open-inference-v2",
      backend: backendOf(["hour", "site_id"]),
    })
    await expect
      .poll(async () => (await ask("/readyz")).body, { timeout: 20_000 })
      .toMatchObject({
        ready: true,
        parts: { models: { ready: false, required: false, detail: `e/challenger: ${misfit}` } },
      })
    expect((await ask("/admin/experiments/e/explain?unitId=u")).body["variants"]).toMatchObject([
      { id: "champion", server: null },
      {
        id: "challenger",
        server: { signature: { inputs: [{ name: "x" }] }, misfits: [{ detail: expect.stringContaining("takes 3") }] },
      },
    ])
    const dryRun = async (features: readonly string[]) => {
      const response = await fetch(`${gateway.address}/admin/experiments/f?dryRun=true`, {
        method: "PUT",
        headers: { "content-type": "application/json", "if-none-match": "*" },
        body: document("f", { variants: [{ id: "v", backend: backendOf(features) }], control: "v" }),
      })
      return await response.json()
    }
    expect(await dryRun(["a", "b"])).toMatchObject({
      dryRun: true,
      warnings: expect.arrayContaining([
        { pointer: "/variants/0/backend/request/inputs/0/features", detail: misfit.split("features ")[1] },
      ]),
    })
    expect(JSON.stringify(await dryRun(["a", "b", "c"]))).not.toContain("/backend")
  })

  it("says that the server can't be asked, and serves", async () => {
    const protocol = "open-inference-v2"
    const { ask } = await givenTarget("http://127.0.0.1:1", { threads, protocol, backend: backendOf(["hour"]) })
    await expect
      .poll(async () => (await ask("/readyz")).body, { timeout: 20_000 })
      .toMatchObject({
        ready: true,
        parts: { models: { ready: true, detail: expect.stringMatching(/^e\/challenger: its server can't be asked/) } },
      })
  })
})

it("answers everyone while the target is a black hole, degraded and with the true propensity, and soon leaves it alone", async () => {
  const hole = await startTcpServer(() => {})
  const { ask, predict, gateway, DATA_DIR } = await givenTarget(`${hole.origin}/predict`)
  const answers = []
  for (let i = 0; i < 400; i++) answers.push(await predict())
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  const degraded = answers.filter(({ body }) => body["variant"] === "challenger")
  for (const { body } of degraded) {
    expect(body).toMatchObject({ degraded: true, servedBy: "champion", propensity: 0.99 })
  }
  // Five calls find out; after them one in a hundred at most.
  const waited = degraded.filter(({ body }) => body["error"] === "deadline_exceeded").length
  expect(waited).toBeGreaterThanOrEqual(5)
  expect(waited).toBeLessThanOrEqual(5 + 4)
  expect(degraded.filter(({ body }) => body["error"] === "backend_unavailable")).toHaveLength(degraded.length - waited)
  expect((await ask("/readyz")).body).toMatchObject({
    ready: true,
    parts: { targets: { ready: false, required: false, detail: expect.stringContaining("ctr-json fails") } },
  })
  // Decisions are counted a moment after they were answered.
  await expect
    .poll(async () => (await ask("/admin/experiments/e/stats")).body["variants"], { timeout: 20_000 })
    .toMatchObject([
      {},
      {
        calls: { answered: 0, failed: degraded.length, failures: { deadline_exceeded: waited } },
        target: { circuit: "open" },
      },
    ])
  await gateway.stop()
  const files = (await readdir(DATA_DIR, { recursive: true })).filter((file) => file.endsWith(".ndjson"))
  const lines = (await Promise.all(files.map((file) => readFile(join(DATA_DIR, file), "utf8")))).join("").split("\n")
  const logged = lines.filter((line) => line.includes('"variant":"challenger"') && line.includes('"propensity":0.99,'))
  expect(logged.filter((line) => line.includes('"servedBy":"champion"'))).toHaveLength(degraded.length)
})

it("answers what the document says where nothing else can", async () => {
  const changes = {
    variants: [{ id: "only", backend: { kind: "http", target: "ctr-json", response: { pointer: "/prediction" } } }],
    control: "only",
    staticAnswer: { prediction: 0.017 },
  }
  const { predict } = await givenTarget("http://127.0.0.1:1", { changes })
  expect(await predict()).toMatchObject({
    status: 200,
    body: { prediction: 0.017, servedBy: "_static", degraded: true, error: "backend_failed" },
  })
})

it("doesn't start with a target that can't be, or without the one that a document names", async () => {
  await expect(givenTarget("http://169.254.169.254/latest")).rejects.toThrow("link-local")
  const changes = {
    variants: [{ id: "only", backend: { kind: "http", target: "ctr-jsn", response: { pointer: "/p" } } }],
    control: "only",
  }
  await expect(givenTarget("http://127.0.0.1:1", { changes })).rejects.toThrow(
    'variants.0.backend.target must name one of the targets: ctr-json; did you mean "ctr-json"?',
  )
})
