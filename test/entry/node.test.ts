import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { cp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it, onTestFinished } from "vitest"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import type { RunningGateway } from "#src/entry/running-gateway.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { document } from "./documents.ts"

const MODELS_DIR = fileURLToPath(new URL("../../examples/models", import.meta.url))
const FEATURES = { hour: "14102100", site_id: "1fbe01fe" }

async function start(environment: Record<string, string>): Promise<RunningGateway> {
  const gateway = await startGateway(
    parseConfig({ PORT: "0", SHUTDOWN_DELAY_SECONDS: "0", LOG_LEVEL: "error", MODELS_DIR, ...environment }),
  )
  onTestFinished(() => gateway.stop())
  return gateway
}

async function call(gateway: RunningGateway, path: string, body?: unknown) {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }
  const response = await fetch(`${gateway.address}${path}`, body === undefined ? {} : init)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** What a background timer brings about must be there within two seconds. */
async function eventually(check: () => Promise<boolean>): Promise<void> {
  await expect.poll(check, { timeout: 2_000, interval: 50 }).toBe(true)
}

it("keeps decisions, rewards, keys and revisions over a restart", async () => {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), document("e"))
  const first = await start({ DATA_DIR, EXPERIMENTS_DIR })
  const { body } = await call(first, "/predict", { experiment: "e", unitId: "u", features: FEATURES })
  await first.stop()

  const second = await start({ DATA_DIR, EXPERIMENTS_DIR })
  expect(await call(second, "/reward", { decision: body["decision"] })).toMatchObject({
    status: 200,
    body: { status: "applied" },
  })
  expect((await call(second, "/reward", { decision: body["decision"] })).body).toMatchObject({ status: "duplicate" })
  const stats = (await call(second, "/admin/experiments/e/stats")).body
  expect(stats).toMatchObject({ revision: 1 })
  expect((stats["variants"] as { id: string }[]).find(({ id }) => id === body["variant"])).toMatchObject({
    decisions: 1,
    rewards: 1,
    sum: 1,
  })
})

it("changes no unit's pseudonym or group when the signing keys are rotated, nor over a restart", async () => {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), document("e"))
  for (const keys of [{}, { SIGNING_KEYS: `k1:${"A".repeat(43)}` }, { SIGNING_KEYS: `k2:${"B".repeat(43)}` }]) {
    const gateway = await start({ DATA_DIR, EXPERIMENTS_DIR, ...keys })
    await call(gateway, "/predict", { experiment: "e", unitId: "user-42", features: FEATURES })
    await gateway.stop()
  }
  const own = await start({ DATA_DIR, EXPERIMENTS_DIR, UNIT_KEY: "C".repeat(43) })
  await call(own, "/predict", { experiment: "e", unitId: "user-42", features: FEATURES })
  await own.stop()
  const log = await readFile(join(DATA_DIR, "outcomes", "outcomes-00000001.ndjson"), "utf8")
  const units = [...log.matchAll(/"unit":"([^"]+)","group":(\d+)/g)].map(([, unit, group]) => `${unit} ${group}`)
  expect(units).toHaveLength(4)
  expect(new Set(units.slice(0, 3)).size).toBe(1)
  expect(units[3]).not.toBe(units[0])
})

it("acts on a changed document within two seconds, and reports an invalid one without changing anything", async () => {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  const path = join(EXPERIMENTS_DIR, "e.json")
  await writeFile(path, document("e"))
  const gateway = await start({ DATA_DIR, EXPERIMENTS_DIR })
  const revision = async () => (await call(gateway, "/admin/experiments/e")).body["revision"]

  await writeFile(path, document("e", { status: "paused" }))
  await eventually(async () => (await revision()) === 2)
  expect((await call(gateway, "/predict", FEATURES)).body).toMatchObject({
    reason: "paused",
    variant: "champion",
    revision: 2,
  })

  await writeFile(path, document("e", { control: "nobody" }))
  await eventually(async () => (await call(gateway, "/readyz")).status === 200 && !(await documentsReady(gateway)))
  expect((await call(gateway, "/predict", FEATURES)).body).toMatchObject({ revision: 2 })

  await writeFile(path, document("e", { status: "running" }))
  await eventually(async () => (await revision()) === 3 && (await documentsReady(gateway)))
})

it("serves the last good revision when it starts on a broken document", async () => {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  const path = join(EXPERIMENTS_DIR, "e.json")
  await writeFile(path, document("e", { holdout: 0.5 }))
  await (await start({ DATA_DIR, EXPERIMENTS_DIR })).stop()
  await writeFile(path, "{ not a document")
  const gateway = await start({ DATA_DIR, EXPERIMENTS_DIR })
  expect((await call(gateway, "/admin/experiments/e")).body).toMatchObject({ revision: 1, holdout: 0.5 })
  expect(await documentsReady(gateway)).toBe(false)
})

it("answers gone for the rewards of an experiment whose document was removed", async () => {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  for (const id of ["e", "f"]) await writeFile(join(EXPERIMENTS_DIR, `${id}.json`), document(id))
  const gateway = await start({ DATA_DIR, EXPERIMENTS_DIR })
  const { body } = await call(gateway, "/predict/e", { features: FEATURES })
  await rm(join(EXPERIMENTS_DIR, "e.json"))
  await eventually(async () => (await call(gateway, "/predict/e", { features: FEATURES })).status === 404)
  expect(await call(gateway, "/reward", { decision: body["decision"] })).toMatchObject({
    status: 410,
    body: { code: "experiment_gone" },
  })
})

it("learns from rewards off the request path", async () => {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), document("e", { policy: { kind: "thompson" } }))
  const gateway = await start({ DATA_DIR, EXPERIMENTS_DIR })
  for (let i = 0; i < 60; i++) {
    const { body } = await call(gateway, "/predict", { experiment: "e", unitId: `u${i}`, features: FEATURES })
    if (body["variant"] === "challenger") await call(gateway, "/reward", { decision: body["decision"] })
  }
  await eventually(async () => {
    const { allocation } = (await call(gateway, "/admin/experiments/e/allocation")).body as {
      allocation: Record<string, number>
    }
    return (allocation["challenger"] ?? 0) > 0.95
  })
})

it.each([
  [
    "a model that isn't there",
    document("e").replace("ctr-raw", "nothing"),
    /e\.json:1:\d+: variants\.0\.backend\.model/,
  ],
  ["an invalid document", document("e", { control: "nobody" }), /e\.json:1:\d+: control must be/],
])("does not start with %s and no other experiment, and says where", async (_, text, expected) => {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), text)
  await expect(start({ DATA_DIR, EXPERIMENTS_DIR })).rejects.toThrow(expected)
})

it("does not start on a data folder or a port that another gateway has, nor with a default experiment there isn't", async () => {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), document("e"))
  const gateway = await start({ DATA_DIR, EXPERIMENTS_DIR })
  await expect(start({ DATA_DIR, EXPERIMENTS_DIR })).rejects.toThrow(/in use by another gateway/)
  const PORT = new URL(gateway.address).port
  await expect(start({ DATA_DIR: temporaryFolder(), EXPERIMENTS_DIR, PORT })).rejects.toThrow(/can't listen/)
  const other = { DATA_DIR: temporaryFolder(), EXPERIMENTS_DIR, DEFAULT_EXPERIMENT: "f" }
  await expect(start(other)).rejects.toThrow(/DEFAULT_EXPERIMENT f is none of the experiments: e/)
})

it("serves the good documents of a folder beside entries that can't be read, and stops", async () => {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  await writeFile(join(EXPERIMENTS_DIR, "b.json"), document("e"))
  execFileSync("mkfifo", [join(EXPERIMENTS_DIR, "a.yaml")])
  await symlink("loop.yaml", join(EXPERIMENTS_DIR, "loop.yaml"))
  const gateway = await start({ DATA_DIR, EXPERIMENTS_DIR })
  expect((await call(gateway, "/predict", { experiment: "e", features: FEATURES })).status).toBe(200)
  expect((await call(gateway, "/readyz")).body).toMatchObject({
    ready: true,
    parts: { experiments: { ready: false, detail: "2 problems in the documents" } },
  })
  await writeFile(join(EXPERIMENTS_DIR, "b.json"), document("e", { status: "paused" }))
  await eventually(async () => (await call(gateway, "/admin/experiments/e")).body["revision"] === 2)
  await gateway.stop()
})

it("serves a replaced model once a document that names it is saved, under a new revision that says which files", async () => {
  const [DATA_DIR, EXPERIMENTS_DIR, models] = [temporaryFolder(), temporaryFolder(), temporaryFolder()]
  const replace = (from: string) => cp(join(MODELS_DIR, from), join(models, "ctr"), { recursive: true })
  await replace("ctr-raw")
  const text = document("e").replaceAll(/ctr-(raw|prefixed)/g, "ctr")
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), text)
  const gateway = await start({ DATA_DIR, EXPERIMENTS_DIR, MODELS_DIR: models })
  const predict = async () => (await call(gateway, "/predict", { experiment: "e", features: FEATURES })).body
  const { prediction: before } = await predict()

  await replace("ctr-prefixed")
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), `${text}\n`)
  await eventually(async () => (await predict())["revision"] === 2)
  const { prediction, model } = await predict()
  expect([prediction === before, model]).toEqual([false, "ctr-prefixed"])

  const lines = (await readFile(join(DATA_DIR, "outcomes", "outcomes-00000001.ndjson"), "utf8")).trim().split("\n")
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  const hashes = ["ctr-raw", "ctr-prefixed"].map((name) => sha256(name))
  expect(events.filter(({ type }) => type === "experiment")).toMatchObject([
    { revision: 1, models: { champion: hashes[0], challenger: hashes[0] } },
    {
      revision: 2,
      models: { champion: hashes[1], challenger: hashes[1] },
      diff: ["champion", "challenger"].map((variant) => `models.${variant}: "${hashes[0]}" -> "${hashes[1]}"`),
    },
  ])
})

function sha256(model: string): string {
  const files = ["model.json", "weights.bin"].map((file) => readFileSync(join(MODELS_DIR, model, file)))
  return createHash("sha256").update(Buffer.concat(files)).digest("hex")
}

it("publishes a document that waited for its model as soon as the model arrives", async () => {
  const [DATA_DIR, EXPERIMENTS_DIR, models] = [temporaryFolder(), temporaryFolder(), temporaryFolder()]
  await cp(MODELS_DIR, models, { recursive: true })
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), document("e"))
  await writeFile(join(EXPERIMENTS_DIR, "f.json"), document("f").replace("ctr-raw", "ctr-late"))
  const gateway = await start({ DATA_DIR, EXPERIMENTS_DIR, MODELS_DIR: models })
  const status = async () => (await call(gateway, "/predict", { experiment: "f", features: FEATURES })).status
  expect([await status(), await documentsReady(gateway)]).toEqual([404, false])
  await cp(join(MODELS_DIR, "ctr-raw"), join(models, "ctr-late"), { recursive: true })
  await eventually(async () => (await status()) === 200)
  expect(await documentsReady(gateway)).toBe(true)
})

it("asks for keys when it has them, each for what it may do; a token needs none", async () => {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), document("e"))
  const gateway = await start({
    DATA_DIR,
    EXPERIMENTS_DIR,
    API_KEYS: "ads:predict:ads-secret,analyst:read:analyst-secret",
  })
  const predict = (key: string | undefined, body: unknown = FEATURES) =>
    fetch(`${gateway.address}/predict`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
      body: JSON.stringify(body),
    })
  expect((await predict(undefined)).status).toBe(401)
  expect((await predict("wrong-secret")).status).toBe(401)
  expect((await predict("analyst-secret")).status).toBe(403)
  expect((await predict("ads-secret", { experiment: "e", features: FEATURES, variant: "champion" })).status).toBe(403)
  const answered = await predict("ads-secret")
  expect(answered.status).toBe(200)
  const { decision } = (await answered.json()) as { decision: string }
  expect((await call(gateway, "/reward", { decision })).status).toBe(200)
  expect((await call(gateway, "/admin/experiments")).status).toBe(401)
  expect((await call(gateway, "/metrics").catch(() => ({ status: 0 }))).status).toBe(401)
  const logged = await readFile(join(DATA_DIR, "outcomes", "outcomes-00000001.ndjson"), "utf8")
  expect(logged).not.toMatch(/ads-secret|analyst-secret/)
})

async function documentsReady(gateway: RunningGateway): Promise<boolean> {
  const { parts } = (await call(gateway, "/readyz")).body as { parts: Record<string, { ready: boolean }> }
  return parts["experiments"]?.ready ?? false
}

it("says what to do about a damaged database, and makes its counters and revisions anew from the log", async () => {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), document("e"))
  const first = await start({ DATA_DIR, EXPERIMENTS_DIR })
  const { body } = await call(first, "/predict", { experiment: "e", features: FEATURES })
  await call(first, "/reward", { decision: body["decision"] })
  const before = (await call(first, "/admin/experiments/e/stats")).body["variants"]
  await first.stop()

  for (const suffix of ["", "-wal", "-shm"]) await rm(join(DATA_DIR, `gateway.db${suffix}`), { force: true })
  await writeFile(join(DATA_DIR, "gateway.db"), "not a database, whatever its name says".repeat(100))
  await expect(start({ DATA_DIR, EXPERIMENTS_DIR })).rejects.toThrow(/Move it away and start again/)

  await rm(join(DATA_DIR, "gateway.db"))
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), document("e", { description: "edited meanwhile" }))
  const second = await start({ DATA_DIR, EXPERIMENTS_DIR })
  expect((await call(second, "/admin/experiments/e")).body).toMatchObject({
    revision: 2,
    description: "edited meanwhile",
  })
  const after = (await call(second, "/admin/experiments/e/stats")).body["variants"]
  expect(after).toEqual(before)
})

it("says in its metrics how many files of the log are gone without a checkpoint, and serves", async () => {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), document("e"))
  await (await start({ DATA_DIR, EXPERIMENTS_DIR })).stop()
  const outcomes = join(DATA_DIR, "outcomes")
  await rename(join(outcomes, "outcomes-00000001.ndjson"), join(outcomes, "outcomes-00000004.ndjson"))
  for (const name of ["gateway.db", "gateway.db-wal", "gateway.db-shm"]) await rm(join(DATA_DIR, name), { force: true })
  const gateway = await start({ DATA_DIR, EXPERIMENTS_DIR, OUTCOMES_MAX_BYTES: "1G", OUTCOMES_MAX_DAYS: "30" })
  const metrics = await (await fetch(`${gateway.address}/metrics`)).text()
  expect(metrics).toMatch(/^bandit_log_files_lost(\{\})? 3$/m)
  expect(metrics).toMatch(/^bandit_outcomes_lost_to_followers(\{\})? 0$/m)
  expect((await call(gateway, "/predict", { experiment: "e", unitId: "u", features: FEATURES })).status).toBe(200)
})
