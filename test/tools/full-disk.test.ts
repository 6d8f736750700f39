import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished } from "vitest"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import type { RunningGateway } from "#src/entry/running-gateway.ts"
import { GatewayProcess } from "#test/crash/gateway-process.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const MODELS_DIR = fileURLToPath(new URL("../../examples/models", import.meta.url))
const EXPERIMENTS_DIR = fileURLToPath(new URL("../../examples/experiments", import.meta.url))
const FEATURES = { hour: "14102100", site_id: "1fbe01fe" }

/** A file system of 4 MiB in memory. Needs the right to mount. */
function mountDisk(mount: string) {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", mount])
  onTestFinished(() => void execFileSync("umount", ["--lazy", mount]))
  const ballast = join(mount, "ballast")
  return {
    fill: () => {
      const size = () => Number(execFileSync("stat", ["-f", "-c", "%a", mount], { encoding: "utf8" }))
      const left = size() * 4096
      writeFileSync(ballast, Buffer.alloc(left))
      expect(size()).toBe(0)
    },
    free: () => rmSync(ballast),
  }
}

/** The same with a data folder. */
function smallDisk() {
  const mount = temporaryFolder()
  const disk = mountDisk(mount)
  const dataDir = join(mount, "data")
  mkdirSync(dataDir)
  return { dataDir, ...disk }
}

async function start(DATA_DIR: string): Promise<RunningGateway> {
  const settings = { PORT: "0", SHUTDOWN_DELAY_SECONDS: "0", LOG_LEVEL: "error", MODELS_DIR, EXPERIMENTS_DIR, DATA_DIR }
  const gateway = await startGateway(parseConfig(settings))
  onTestFinished(() => gateway.stop())
  return gateway
}

async function call(gateway: RunningGateway, path: string, body?: unknown) {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }
  const response = await fetch(`${gateway.address}${path}`, body === undefined ? {} : init)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const predict = async (gateway: RunningGateway) => {
  const { status, body } = await call(gateway, "/predict", { experiment: "banner-ctr", features: FEATURES })
  expect(status).toBe(200)
  return String(body["decision"])
}

const reward = async (gateway: RunningGateway, decision: string) => {
  const { status, body } = await call(gateway, "/reward", { decision })
  return status === 200 ? body["status"] : `${status} ${String(body["code"])}`
}

/** The last page of a file may have room on a full disk: goes on until the log refuses a line as short as a reward's. */
async function exhaust(gateway: RunningGateway): Promise<void> {
  for (let i = 0; i < 50; i++) {
    if ((await reward(gateway, await predict(gateway))) === "503 log_unavailable") return
  }
  throw new Error("the log takes whatever comes")
}

/** How many events of a type the log has, each once. */
function logged(dataDir: string, type: "decision" | "reward"): number {
  const text = readFileSync(join(dataDir, "outcomes", "outcomes-00000001.ndjson"), "utf8")
  const events = text.split("\n").filter((line) => line.includes(`"type":"${type}"`))
  return new Set(events.map((line) => (JSON.parse(line) as { eventId: string }).eventId)).size
}

const notReady = async (gateway: RunningGateway) => {
  const { ready, parts } = (await call(gateway, "/readyz")).body as {
    ready: boolean
    parts: Record<string, { ready: boolean }>
  }
  expect(ready).toBe(true)
  return Object.keys(parts).filter((name) => parts[name]?.ready === false)
}

const failing = async (gateway: RunningGateway) =>
  /^bandit_storage_failing (\d)$/m.exec(await (await fetch(`${gateway.address}/metrics`)).text())?.[1]

/** What a background timer brings about once there is room again. */
async function eventually(read: () => Promise<unknown>, expected: unknown): Promise<void> {
  await expect.poll(read, { timeout: 10_000, interval: 100 }).toEqual(expected)
}

it("goes on where one thread's log has no room: the head of the audit trail needs but one log", async () => {
  const folder = temporaryFolder()
  const secondLog = join(folder, "data", "outcomes", "thread-2")
  mkdirSync(secondLog, { recursive: true })
  const disk = mountDisk(secondLog)
  const gateway = await GatewayProcess.start(folder, { THREADS: "2", SHUTDOWN_DELAY_SECONDS: "0" })
  disk.fill()
  const headers = { "content-type": "application/json" }
  // More refusals than the last page of a file has room for.
  const key = JSON.stringify({ name: "ads", permissions: ["predict"] })
  for (let asked = 0; asked < 100; asked++) {
    const answer = await fetch(`${gateway.address}/admin/keys`, { method: "POST", headers, body: key })
    expect(answer.status).toBe(409)
  }
  const ready = await (await fetch(`${gateway.address}/readyz`)).json()
  expect(ready).toMatchObject({ parts: { outcomeLog: { ready: false } } })
  expect(await gateway.stop()).toBe(0)
})

describe("given a disk without a byte left", () => {
  it("starts for the first time, serves and says so; learns and keeps its key once there is room", async () => {
    const disk = smallDisk()
    disk.fill()
    const gateway = await start(disk.dataDir)
    const early = await predict(gateway)
    expect(await reward(gateway, early)).toBe("503 log_unavailable")
    expect(await notReady(gateway)).toEqual(["experiments", "outcomeLog", "counters", "keys"])
    expect(await failing(gateway)).toBe("1")

    disk.free()
    await eventually(() => notReady(gateway), [])
    expect(await failing(gateway)).toBe("0")
    expect((await call(gateway, "/admin/experiments/banner-ctr")).body["revision"]).toBe(1)
    expect(await reward(gateway, early)).toBe("applied")
    const late = await predict(gateway)
    await gateway.stop()

    const again = await start(disk.dataDir)
    expect(await reward(again, early)).toBe("duplicate")
    expect(await reward(again, late)).toBe("applied")
  })

  it("starts again after it was killed, and folds then what it had logged before", async () => {
    const disk = smallDisk()
    const dataDir = join(temporaryFolder(), "data")
    const killed = await start(dataDir)
    const [old, open] = [await predict(killed), await predict(killed)]
    expect(await reward(killed, old)).toBe("applied")
    await predict(killed)
    // What a kill leaves behind: the log, and a database that had not been closed.
    cpSync(dataDir, disk.dataDir, { recursive: true })

    disk.fill()
    const gateway = await start(disk.dataDir)
    expect((await call(gateway, "/admin/experiments/banner-ctr")).body["revision"]).toBe(1)
    await exhaust(gateway)
    expect(await reward(gateway, open)).toBe("503 log_unavailable")
    expect(await notReady(gateway)).toContain("outcomeLog")

    disk.free()
    await eventually(() => reward(gateway, open), "applied")
    await eventually(() => notReady(gateway), [])
    expect(await reward(gateway, old)).toBe("duplicate")
    const { variants } = (await call(gateway, "/admin/experiments/banner-ctr/stats")).body as {
      variants: { decisions: number; rewards: number }[]
    }
    expect(variants.reduce((sum, { rewards }) => sum + rewards, 0)).toBe(logged(disk.dataDir, "reward"))
    expect(variants.reduce((sum, { decisions }) => sum + decisions, 0)).toBe(logged(disk.dataDir, "decision"))
  })

  it("starts again with what it had: key, revisions and counters", async () => {
    const disk = smallDisk()
    const first = await start(disk.dataDir)
    const [old, open] = [await predict(first), await predict(first)]
    expect(await reward(first, old)).toBe("applied")
    await first.stop()

    disk.fill()
    const second = await start(disk.dataDir)
    expect((await call(second, "/admin/experiments/banner-ctr")).body["revision"]).toBe(1)
    await exhaust(second)
    expect(await reward(second, open)).toBe("503 log_unavailable")
    expect(await notReady(second)).toContain("outcomeLog")
    expect(await failing(second)).toBe("1")

    disk.free()
    await eventually(() => reward(second, open), "applied")
    await eventually(() => notReady(second), [])
    expect(await reward(second, old)).toBe("duplicate")
    const { variants } = (await call(second, "/admin/experiments/banner-ctr/stats")).body as {
      variants: { rewards: number }[]
    }
    expect(variants.reduce((sum, { rewards }) => sum + rewards, 0)).toBe(logged(disk.dataDir, "reward"))
  })
})
