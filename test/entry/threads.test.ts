import { readFileSync } from "node:fs"
import { readdir, rm, writeFile } from "node:fs/promises"
import { request } from "node:http"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it, onTestFinished } from "vitest"
import { logFolders } from "#src/adapters/ndjson/log-folders.ts"
import { outcomes } from "#src/cli/outcomes.ts"
import { rebuild } from "#src/cli/rebuild.ts"
import { parseConfig } from "#src/config.ts"
import { parseOutcomeLine } from "#src/domain/outcome-line.ts"
import { startGateway } from "#src/entry/node.ts"
import type { RunningGateway } from "#src/entry/running-gateway.ts"
import { capturedIo } from "#test/cli/captured-io.ts"
import { GatewayProcess } from "#test/crash/gateway-process.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { document } from "./documents.ts"

const MODELS_DIR = fileURLToPath(new URL("../../examples/models", import.meta.url))
/** So many connections that no thread goes without: each takes any of them with the same probability. */
const CONNECTIONS = 64

async function given(changes: Record<string, unknown> = {}) {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  const publish = (text: string) => writeFile(join(EXPERIMENTS_DIR, "e.json"), text)
  await publish(document("e", changes))
  const start = async (THREADS: string, environment: Record<string, string> = {}): Promise<RunningGateway> => {
    const settings = { PORT: "0", SHUTDOWN_DELAY_SECONDS: "0", LOG_LEVEL: "error", MODELS_DIR, THREADS }
    // Each thread measures for itself how busy the machine is, and might refuse some of many requests at once.
    const unlimited = { ...settings, OVERLOAD_LIMITS: "off", DATA_DIR, EXPERIMENTS_DIR }
    const gateway = await startGateway(parseConfig({ ...unlimited, ...environment }))
    onTestFinished(() => gateway.stop())
    return gateway
  }
  return { DATA_DIR, publish, start }
}

/** One request over a connection of its own, to whichever thread the system gives it. */
function call(
  gateway: RunningGateway,
  path: string,
  body?: unknown,
): Promise<{ readonly status: number | undefined; readonly text: string }> {
  const text = body === undefined ? "" : JSON.stringify(body)
  const method = body === undefined ? "GET" : "POST"
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) }
  return new Promise((resolve, reject) => {
    const sent = request(`${gateway.address}${path}`, { method, headers, agent: false }, (response) => {
      const parts: string[] = []
      response.setEncoding("utf8")
      response.on("data", (part: string) => parts.push(part))
      response.on("end", () => resolve({ status: response.statusCode, text: parts.join("") }))
      response.on("error", reject)
    })
    sent.on("error", reject)
    sent.end(text)
  })
}

async function json(gateway: RunningGateway, path: string, body?: unknown): Promise<Record<string, unknown>> {
  return JSON.parse((await call(gateway, path, body)).text) as Record<string, unknown>
}

function overConnections<T>(ask: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => ask(index)))
}

const predict = (gateway: RunningGateway) =>
  overConnections((index) => json(gateway, "/predict", { unitId: `u${index}`, features: { hour: "14102100" } }))

/** How many decisions each log has. */
async function decisionsByLog(dataDir: string): Promise<number[]> {
  const folders = await logFolders(dataDir)
  return folders.map(({ folder }) => {
    const lines = readFileSync(join(folder, "outcomes-00000001.ndjson"), "utf8").split("\n").slice(0, -1)
    return lines.filter((line) => parseOutcomeLine(line)?.type === "decision").length
  })
}

async function checked(dataDir: string): Promise<unknown> {
  const io = capturedIo()
  await rebuild.run(["--check", "--json", "--data-dir", dataDir], io)
  return JSON.parse(io.out())
}

it("gives every thread requests, and answers for all of them whichever is asked", async () => {
  const { DATA_DIR, start } = await given()
  const gateway = await start("2")
  const decisions = await predict(gateway)
  expect(new Set(decisions.map(({ decisionId }) => decisionId)).size).toBe(CONNECTIONS)
  const answers = await overConnections(() => call(gateway, "/metrics"))
  for (const { text } of answers.slice(0, 8)) {
    const counts = [...text.matchAll(/^bandit_decisions_total\{.*\} (\d+)$/gm)].map(([, count]) => Number(count))
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(CONNECTIONS)
    expect(text).toMatch(new RegExp(`^bandit_request_seconds_count\\{route="/predict"\\} ${CONNECTIONS}$`, "m"))
    // What is served is not added up.
    expect(text).toMatch(/^bandit_experiment_revision\{experiment="e"\} 1$/m)
    expect(text).toMatch(/^bandit_allocation\{experiment="e",variant="champion"\} 0\.5$/m)
    expect(text).toMatch(/^bandit_storage_failing(\{\})? 0$/m)
  }
  expect(await json(gateway, "/readyz")).toMatchObject({
    ready: true,
    parts: {
      experiments: { detail: "1 served" },
      counters: { ready: true },
      threads: { ready: true, detail: "2 serve" },
    },
  })
  await gateway.stop()
  const byLog = await decisionsByLog(DATA_DIR)
  expect(Math.min(...byLog)).toBeGreaterThan(0)
  expect(byLog.reduce((sum, count) => sum + count, 0)).toBe(CONNECTIONS)
})

it("acts on a changed document in every thread within two seconds, and takes each revision's rewards in all", async () => {
  const { publish, start } = await given()
  const gateway = await start("3")
  const before = await predict(gateway)
  await publish(document("e", { status: "paused" }))
  const publishedMs = performance.now()
  const seen: Record<string, unknown>[] = []
  while (seen.slice(-CONNECTIONS).some(({ revision }) => revision !== 2) || seen.length === 0) {
    seen.push(...(await predict(gateway)))
    expect(performance.now() - publishedMs).toBeLessThan(30_000)
  }
  // Whoever had the new revision first, a reward of it counted in any thread.
  const rewards = await overConnections((index) =>
    json(gateway, "/reward", { decision: (index % 2 === 0 ? before : seen.slice(-CONNECTIONS))[index]?.["decision"] }),
  )
  expect(rewards.filter(({ status }) => status !== "applied")).toEqual([])
  await publish(document("e", { policy: { kind: "canary", challenger: "challenger", share: 1 }, status: "running" }))
  await expect
    .poll(async () => (await predict(gateway)).every(({ variant }) => variant === "challenger"), { timeout: 20_000 })
    .toBe(true)
})

it("counts a reward once that comes to several threads at the same time", async () => {
  const { DATA_DIR, start } = await given()
  const gateway = await start("2")
  const [first] = await predict(gateway)
  const answers = await overConnections(() => json(gateway, "/reward", { decision: first?.["decision"] }))
  const count = (wanted: string) => answers.filter(({ status }) => status === wanted).length
  // Whoever waits for longer than a second on a busy machine isn't told whether its reward was the first.
  expect(count("applied") + count("duplicate") + count("accepted")).toBe(CONNECTIONS)
  expect(count("applied")).toBeLessThanOrEqual(1)
  expect(count("applied") + count("accepted")).toBeGreaterThanOrEqual(1)
  const rewards = async () => {
    const { variants } = (await json(gateway, "/admin/experiments/e/stats")) as { variants: { rewards: number }[] }
    return variants.reduce((sum, variant) => sum + variant.rewards, 0)
  }
  await expect.poll(rewards).toBe(1)
  await gateway.stop()
  expect(await checked(DATA_DIR)).toMatchObject({ equal: true, unfolded: 0 })
})

it("learns from the rewards of all threads, and all go by the same allocation", async () => {
  const { start } = await given({ policy: { kind: "thompson" } })
  const gateway = await start("2")
  for (const { variant, decision } of await predict(gateway)) {
    if (variant === "challenger") await call(gateway, "/reward", { decision })
  }
  const share = async () => {
    const answers = await overConnections(() => json(gateway, "/admin/experiments/e/allocation"))
    return answers.map(({ allocation }) => (allocation as Record<string, number>)["challenger"] ?? 0)
  }
  await expect.poll(async () => Math.min(...(await share())), { timeout: 20_000 }).toBeGreaterThan(0.95)
})

it("loses nothing when it starts with fewer threads, with one, and with more again", async () => {
  const { DATA_DIR, start } = await given()
  const four = await start("4")
  const decisions = await predict(four)
  await four.stop()
  const byLog = await decisionsByLog(DATA_DIR)
  expect(byLog).toHaveLength(4)
  expect(Math.min(...byLog)).toBeGreaterThan(0)

  const counted = async (gateway: RunningGateway) => {
    const { variants } = (await json(gateway, "/admin/experiments/e/stats")) as {
      variants: { decisions: number; rewards: number }[]
    }
    return variants
      .map((one) => [one.decisions, one.rewards])
      .reduce(([a = 0, b = 0], [c = 0, d = 0]) => [a + c, b + d])
  }
  const two = await start("2")
  const rewarded = await overConnections((index) => json(two, "/reward", { decision: decisions[index]?.["decision"] }))
  expect(rewarded.filter(({ status }) => status !== "applied")).toEqual([])
  expect(await counted(two)).toEqual([CONNECTIONS, CONNECTIONS])
  await two.stop()
  expect(await checked(DATA_DIR)).toMatchObject({ equal: true, unfolded: 0 })

  // As if the store had been lost: all four logs make it anew.
  for (const suffix of ["", "-wal", "-shm"]) await rm(join(DATA_DIR, `gateway.db${suffix}`), { force: true })
  const one = await start("1")
  expect(await counted(one)).toEqual([CONNECTIONS, CONNECTIONS])
  const again = await json(one, "/reward", { decision: decisions[0]?.["decision"] })
  expect(again).toMatchObject({ status: "duplicate" })
  await predict(one)
  await one.stop()
  const more = await start("3")
  expect(await counted(more)).toEqual([2 * CONNECTIONS, CONNECTIONS])
  await more.stop()
  expect(await checked(DATA_DIR)).toMatchObject({ equal: true, unfolded: 0, skipped: 0 })
  expect(await rebuild.run(["--data-dir", DATA_DIR], capturedIo())).toBe(0)
  expect(await checked(DATA_DIR)).toMatchObject({ equal: true, unfolded: 0 })
})

it("prints the outcomes of all threads, each event once, and goes on from one cursor", async () => {
  const { DATA_DIR, start } = await given()
  const cursor = join(DATA_DIR, "cursors", "audit.json")
  const printed = async () => {
    const io = capturedIo()
    expect(await outcomes.run(["tail", "--data-dir", DATA_DIR, "--cursor", cursor], io)).toBe(0)
    const lines = io.out().split("\n").slice(0, -1)
    const ids = lines.map((line) => parseOutcomeLine(line)?.eventId)
    expect(new Set(ids).size).toBe(ids.length)
    // Who published it is in the audit trail, whose head is an event too.
    return ids.filter((id) => id?.startsWith("a-") !== true)
  }
  const first = await start("2")
  const decisions = await predict(first)
  await first.stop()
  const ids = ["e-e-1", ...decisions.map(({ decisionId }) => `d-${String(decisionId)}`)]
  expect(new Set(await printed())).toEqual(new Set(ids))
  expect(await printed()).toEqual([])
  const second = await start("2")
  const later = await predict(second)
  await second.stop()
  const laterIds = ["e-e-1", ...later.map(({ decisionId }) => `d-${String(decisionId)}`)]
  expect(new Set(await printed())).toEqual(new Set(laterIds))
})

it("does not share its port with another gateway, nor starts where no experiment can be served", async () => {
  const { start } = await given()
  const gateway = await start("2")
  const other = await given()
  const PORT = new URL(gateway.address).port
  for (const threads of ["1", "2"]) {
    await expect(other.start(threads, { PORT })).rejects.toThrow(/can't listen on .* Something listens there already/)
  }
  await expect(other.start("2", { DEFAULT_EXPERIMENT: "f" })).rejects.toThrow(/DEFAULT_EXPERIMENT f is none of/)
  // What failed to start holds nothing: the folder is free, and so are its logs.
  const again = await other.start("2")
  expect(await json(again, "/predict", { features: {} })).toMatchObject({ experiment: "e" })
})

it("says what to do about a damaged database", async () => {
  const { DATA_DIR, start } = await given()
  await (await start("2")).stop()
  for (const suffix of ["", "-wal", "-shm"]) await rm(join(DATA_DIR, `gateway.db${suffix}`), { force: true })
  await writeFile(join(DATA_DIR, "gateway.db"), "not a database, whatever its name says".repeat(100))
  await expect(start("2")).rejects.toThrow(/Move it away and start again/)
})

it("ends the process when a thread dies, says so, and counts what it logged at the next start", async () => {
  const folder = temporaryFolder()
  const fault = join(folder, "fault.mjs")
  // A mistake of ours that no request finds: it is put into the thread from outside.
  await writeFile(
    fault,
    `import { existsSync } from "node:fs"
     import { workerData } from "node:worker_threads"
     if (workerData?.thread === 2) setInterval(() => {
       if (existsSync("${folder}/now")) throw new Error("a thread dies")
     }, 20)`,
  )
  const NODE_OPTIONS = `--import file://${fault}`
  const dying = await GatewayProcess.start(folder, { THREADS: "2", NODE_OPTIONS })
  const bodies = await overConnections((index) =>
    call({ address: dying.address } as RunningGateway, "/predict", {
      experiment: "clicks",
      unitId: `u${index}`,
      features: {},
    }),
  )
  await writeFile(join(folder, "now"), "")
  const { code, said } = await dying.ended()
  expect(code).toBe(2)
  expect(said).toMatch(/serving thread 2 has ended: a thread dies/)

  const next = await GatewayProcess.start(folder, { THREADS: "2" })
  expect(await next.stop()).toBe(0)
  const byLog = await decisionsByLog(join(folder, "data"))
  const answered = bodies.filter(({ status }) => status === 200).length
  expect(answered).toBe(CONNECTIONS)
  expect(byLog.reduce((sum, count) => sum + count, 0)).toBe(answered)
  expect(await checked(join(folder, "data"))).toMatchObject({ equal: true, unfolded: 0 })
  expect((await readdir(join(folder, "data", "outcomes"))).includes("thread-2")).toBe(true)
})
