import { readFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { Agent, request } from "node:http"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, it, onTestFinished } from "vitest"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { document } from "./documents.ts"

const FIRST = "secret-of-the-first"
/** So many that no thread goes without. */
const CONNECTIONS = 64

async function given(THREADS: string) {
  const [DATA_DIR, EXPERIMENTS_DIR] = [temporaryFolder(), temporaryFolder()]
  await writeFile(join(EXPERIMENTS_DIR, "e.json"), document("e"))
  const settings = { PORT: "0", SHUTDOWN_DELAY_SECONDS: "0", LOG_LEVEL: "error", API_KEYS: `first:admin:${FIRST}` }
  const start = async () => {
    const gateway = await startGateway(parseConfig({ ...settings, THREADS, DATA_DIR, EXPERIMENTS_DIR }))
    onTestFinished(() => gateway.stop())
    return { ...gateway, ...clientOf(gateway.address) }
  }
  return { DATA_DIR, start }
}

function clientOf(address: string) {
  /** Over a connection of its own, unless it is given one. */
  const ask = (
    secret: string,
    method: string,
    path: string,
    body?: unknown,
    agent: Agent | false = false,
  ): Promise<{ readonly status: number | undefined; readonly text: string }> => {
    const text = body === undefined ? "" : JSON.stringify(body)
    const headers = {
      authorization: `Bearer ${secret}`,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
    }
    return new Promise((resolve, reject) => {
      const sent = request(`${address}${path}`, { method, headers, agent }, (response) => {
        let answer = ""
        response.setEncoding("utf8")
        response.on("data", (part: string) => {
          answer += part
        })
        response.on("end", () => resolve({ status: response.statusCode, text: answer }))
        response.on("error", reject)
      })
      sent.on("error", reject)
      sent.end(text)
    })
  }
  const make = async (wish: Readonly<Record<string, unknown>>) => {
    const { status, text } = await ask(FIRST, "POST", "/admin/keys", { name: "ads", permissions: ["predict"], ...wish })
    expect(status).toBe(201)
    return JSON.parse(text) as { readonly key: { readonly id: string }; readonly secret: string }
  }
  const predict = async (secret: string, agent?: Agent) =>
    (await ask(secret, "POST", "/predict", { features: { hour: "14102100" } }, agent)).status
  const predictEverywhere = async (secret: string) =>
    new Set(await Promise.all(Array.from({ length: CONNECTIONS }, () => predict(secret))))
  const revoke = async (id: string) => (await ask(FIRST, "DELETE", `/admin/keys/${id}`)).status
  const list = async () =>
    JSON.parse((await ask(FIRST, "GET", "/admin/keys")).text) as {
      readonly keys: readonly { readonly id: string; readonly lastUsedAt: string | null }[]
    }
  return { ask, make, predict, predictEverywhere, revoke, list }
}

describe.each(["1", "2"])("given a gateway with THREADS=%s", (threads) => {
  it("a key works on every connection once it is made, and on none once it is revoked", async () => {
    const { start } = await given(threads)
    const gateway = await start()
    const { key, secret } = await gateway.make({})
    expect(await gateway.predictEverywhere(secret)).toEqual(new Set([200]))
    expect((await gateway.list()).keys).toMatchObject([{ id: key.id, lastUsedAt: expect.stringMatching(/^20/) }])
    expect(await gateway.revoke(key.id)).toBe(204)
    expect(await gateway.predictEverywhere(secret)).toEqual(new Set([401]))
    expect(await gateway.revoke(key.id)).toBe(404)
  })

  it("a key is as it was after a start, and its secret is nowhere in the data folder", async () => {
    const { start, DATA_DIR } = await given(threads)
    const before = await start()
    const { key, secret } = await before.make({})
    const revoked = await before.make({})
    await before.revoke(revoked.key.id)
    await before.stop()
    const file = readFileSync(join(DATA_DIR, "api-keys.json"), "utf8")
    expect(file).toContain(key.id)
    expect(file).not.toContain(secret.slice(4))
    const after = await start()
    expect([await after.predict(secret), await after.predict(revoked.secret)]).toEqual([200, 401])
  })

  it("a key's rate is one for all threads", async () => {
    const { start } = await given(threads)
    const gateway = await start()
    const { secret } = await gateway.make({ requestsPerSecond: 0.01 })
    const answers = await Promise.all(Array.from({ length: CONNECTIONS }, () => gateway.predict(secret)))
    expect(answers.filter((status) => status === 200)).toHaveLength(1)
    expect(answers.filter((status) => status === 429)).toHaveLength(CONNECTIONS - 1)
  })
})

it("what came over an open connection before a revocation is answered, what comes after it is refused", async () => {
  const { start } = await given("2")
  const gateway = await start()
  const { key, secret } = await gateway.make({})
  const agents = Array.from({ length: 8 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  onTestFinished(() => {
    for (const agent of agents) agent.destroy()
  })
  const answers: { readonly status: number | undefined; readonly sentAt: number }[] = []
  const state = { stop: false }
  const callers = agents.map(async (agent) => {
    while (!state.stop) {
      const sentAt = performance.now()
      answers.push({ sentAt, status: await gateway.predict(secret, agent) })
    }
  })
  await sleep(200)
  await gateway.revoke(key.id)
  const revokedAt = performance.now()
  await sleep(200)
  state.stop = true
  await Promise.all(callers)
  const late = answers.filter(({ sentAt }) => sentAt > revokedAt)
  expect(late.length).toBeGreaterThan(0)
  expect(new Set(late.map(({ status }) => status))).toEqual(new Set([401]))
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0)
})

it("doesn't start with a damaged file of keys", async () => {
  const { start, DATA_DIR } = await given("1")
  await writeFile(join(DATA_DIR, "api-keys.json"), "{")
  await expect(start()).rejects.toMatchObject({
    code: "config_invalid",
    message: expect.stringMatching(/api-keys\.json is not a file of API keys: restore it/),
  })
})
