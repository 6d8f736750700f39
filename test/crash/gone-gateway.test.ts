import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { gzipSync } from "node:zlib"
import { expect, it, onTestFinished } from "vitest"
import { readStream } from "#src/adapters/kinesis/stream-reader.ts"
import { rebuild } from "#src/cli/rebuild.ts"
import { LocalKinesis, STREAM } from "#test/adapters/kinesis/local-kinesis.ts"
import { startRedis } from "#test/adapters/redis/redis-servers.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { GatewayProcess } from "./gateway-process.ts"

const KEYS = { SIGNING_KEYS: `k1:${"A".repeat(43)}`, UNIT_KEY: "B".repeat(43) }
const POLL = { timeout: 120_000, interval: 250 }

async function answerOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  return (await response.json()) as Readonly<Record<string, unknown>>
}

/** Decisions, each with a reward. @returns the rewards, to be sent again */
async function take({ address }: GatewayProcess, units: readonly string[]): Promise<string[]> {
  const headers = { "content-type": "application/json" }
  const rewards: string[] = []
  for (const unitId of units) {
    const body = JSON.stringify({ experiment: "clicks", unitId, instances: [{ site_id: "s" }] })
    const { decision } = await answerOf(await fetch(`${address}/predict`, { method: "POST", headers, body }))
    rewards.push(`/reward?d=${String(decision)}&m=click`)
  }
  for (const reward of rewards) expect((await fetch(`${address}${reward}`)).status).toBeLessThan(300)
  return rewards
}

async function counted({ address }: GatewayProcess) {
  const { variants = [], partial } = await answerOf(await fetch(`${address}/admin/experiments/clicks/stats`))
  const sum = (name: "decisions" | "rewards") =>
    (variants as readonly Record<typeof name, number>[]).reduce((total, variant) => total + variant[name], 0)
  return { decisions: sum("decisions"), rewards: sum("rewards"), partial }
}

/** How many lines of the log the stream doesn't have. The backlog wouldn't do: it is told twice a second, and may be one of before. */
async function unsent({ address }: GatewayProcess): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text()
  const read = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1])
  return read("bandit_log_lines") - read("bandit_stream_events_sent")
}

function logOf(folder: string): string {
  const { spans } = JSON.parse(readFileSync(join(folder, "data", "outcomes", "log.json"), "utf8"))
  return spans[0].id
}

async function redisPart({ address }: GatewayProcess): Promise<string> {
  const { parts } = await answerOf(await fetch(`${address}/readyz`))
  return (parts as Record<string, { detail: string }>)["redis"]?.detail ?? ""
}

/** The stream as a delivery stream leaves it: a folder of files, some of them gzipped. */
async function copyOf(kinesis: LocalKinesis): Promise<string> {
  const folder = join(temporaryFolder(), "2026", "11")
  mkdirSync(folder, { recursive: true })
  const reading = { stream: STREAM, follow: false, now: () => Date.now(), sleep, client: kinesis.connection }
  let files = 0
  for await (const { lines } of readStream(reading)) {
    const text = lines.map((line) => `${line}\n`).join("")
    writeFileSync(join(folder, `outcomes-${files}`), files % 2 === 0 ? gzipSync(text) : text)
    files += 1
  }
  expect(files).toBeGreaterThan(1)
  return folder
}

it("has all that was counted, when Redis was emptied, from the stream's copy of a gateway whose disk is gone", {
  timeout: 300_000,
}, async () => {
  const [kinesis, redis] = [await LocalKinesis.start(), await startRedis()]
  onTestFinished(() => redis.stop())
  const REDIS_URL = `redis://127.0.0.1:${redis.port}`
  const settings = { ...KEYS, ...kinesis.environment, KINESIS_STREAM: STREAM, SHUTDOWN_DELAY_SECONDS: "0", REDIS_URL }
  const [folder, lostFolder] = [temporaryFolder(), temporaryFolder()]
  const survivor = await GatewayProcess.start(folder, settings)
  const lost = await GatewayProcess.start(lostFolder, settings)
  const units = (from: number) => Array.from({ length: 20 }, (_, index) => `u${from + index}`)
  await take(survivor, units(0))
  const rewards = await take(lost, units(100))
  const checkpoint = join(folder, "data", "checkpoints", "00000001.json.gz")
  await expect.poll(() => existsSync(checkpoint), POLL).toBe(true)
  rewards.push(...(await take(lost, units(200))))
  await expect.poll(() => counted(survivor), POLL).toMatchObject({ decisions: 60, rewards: 60 })
  await expect.poll(async () => (await unsent(survivor)) + (await unsent(lost)), POLL).toBe(0)

  const [own, gone] = [logOf(folder), logOf(lostFolder)]
  await lost.kill()
  rmSync(lostFolder, { recursive: true })
  await redis.admin.flushall()
  await expect.poll(() => redisPart(survivor), POLL).toContain(gone)
  const copy = await copyOf(kinesis)
  const rebuilt = async (): Promise<unknown> => {
    let out = ""
    const stdout = { write: (text: string) => (out += text) }
    try {
      const code = await rebuild.run(["--from", copy, "--json"], {
        stdout,
        stderr: { write: () => {} },
        env: { REDIS_URL },
      })
      return [code, JSON.parse(out)]
    } catch (error) {
      return error
    }
  }
  // Until the survivor has restored its checkpoint and its own credits, nothing can be counted. And the other may seem to run for a minute.
  await expect
    .poll(rebuilt, POLL)
    .toMatchObject([
      0,
      { running: [own], missing: [], contradicted: [], lapsed: [], unplacedLines: 0, damagedLines: 0 },
    ])
  await expect.poll(() => counted(survivor), POLL).toEqual({ decisions: 60, rewards: 60, partial: undefined })
  for (const reward of rewards) {
    expect(await answerOf(await fetch(`${survivor.address}${reward}`))).toMatchObject({ status: "duplicate" })
  }
  expect(await counted(survivor)).toMatchObject({ decisions: 60, rewards: 60 })
  expect(await survivor.stop()).toBe(0)
})
