import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import seedrandom from "seedrandom"
import { describe, expect, it } from "vitest"
import { readStream } from "#src/adapters/kinesis/stream-reader.ts"
import { logFolders } from "#src/adapters/ndjson/log-folders.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { LocalKinesis, STREAM } from "#test/adapters/kinesis/local-kinesis.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { GatewayProcess } from "./gateway-process.ts"

/** Predicts and rewards until the gateway is gone. @returns event ids of what was answered */
async function send(address: string, random: () => number, isOver: () => boolean): Promise<string[]> {
  const answered: string[] = []
  while (!isOver()) {
    try {
      const response = await fetch(`${address}/predict`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ experiment: "clicks", unitId: String(random()), instances: [{ site_id: "s" }] }),
      })
      if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`)
      const { decision, decisionId } = (await response.json()) as { decision: string; decisionId: string }
      answered.push(`d-${decisionId}`)
      const rewarded = await fetch(`${address}/reward?d=${decision}&m=click`)
      if (rewarded.status !== 200) throw new Error(`status ${rewarded.status}: ${await rewarded.text()}`)
      answered.push(`r-${decisionId}-click`)
    } catch (error) {
      if (!isOver()) throw error
    }
  }
  return answered
}

async function eventIds(lines: Iterable<string>): Promise<string[]> {
  return [...lines].map((line) => (JSON.parse(line) as { eventId: string }).eventId)
}

/** Every event of a data folder's logs, each once. */
async function logged(dataDir: string): Promise<Set<string>> {
  const ids = new Set<string>()
  for (const { folder } of await logFolders(dataDir)) {
    for await (const { lines } of createOutcomeReader(folder).read(undefined, undefined)) {
      for (const id of await eventIds(lines)) ids.add(id)
    }
  }
  return ids
}

/** Every event of the stream, with repetitions. */
async function streamed(kinesis: LocalKinesis): Promise<string[]> {
  const ids: string[] = []
  const reading = { stream: STREAM, follow: false, now: () => Date.now(), sleep, client: kinesis.connection }
  for await (const { lines } of readStream(reading)) ids.push(...(await eventIds(lines)))
  return ids
}

async function metric(address: string, name: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text()
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1])
}

describe("given a gateway that sends its outcomes to a stream", () => {
  it("sends every event of its log, through five kills, and the rest when it is stopped", {
    timeout: 120_000,
  }, async () => {
    const kinesis = await LocalKinesis.start()
    const folder = temporaryFolder()
    const random = seedrandom("kill")
    const settings = { ...kinesis.environment, KINESIS_STREAM: STREAM, SHUTDOWN_DELAY_SECONDS: "0" }
    const answered: string[] = []
    for (let kill = 0; kill < 5; kill++) {
      const gateway = await GatewayProcess.start(folder, settings)
      const over = { now: false }
      const sending = [0, 1, 2, 3].map(() => send(gateway.address, random, () => over.now))
      await sleep(200 + 900 * random())
      over.now = true
      await gateway.kill()
      answered.push(...(await Promise.all(sending)).flat())
    }
    const last = await GatewayProcess.start(folder, settings)
    await fetch(`${last.address}/predict`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ experiment: "clicks", unitId: "u", instances: [{ site_id: "s" }] }),
    })
    expect(await last.stop()).toBe(0)
    const inLog = await logged(join(folder, "data"))
    const inStream = await streamed(kinesis)
    expect(answered.filter((id) => !inLog.has(id))).toEqual([])
    expect(new Set(inStream)).toEqual(inLog)
  })

  it("sends the logs of all threads", { timeout: 60_000 }, async () => {
    const kinesis = await LocalKinesis.start()
    const folder = temporaryFolder()
    const settings = { ...kinesis.environment, KINESIS_STREAM: STREAM, SHUTDOWN_DELAY_SECONDS: "0", THREADS: "2" }
    const gateway = await GatewayProcess.start(folder, settings)
    const over = { now: false }
    const random = seedrandom("threads")
    const sending = [0, 1, 2, 3].map(() => send(gateway.address, random, () => over.now))
    await expect
      .poll(() => metric(gateway.address, "bandit_stream_events_sent"), { timeout: 20_000 })
      .toBeGreaterThan(50)
    over.now = true
    await Promise.all(sending)
    expect(await gateway.stop()).toBe(0)
    const cursor = JSON.parse(readFileSync(join(folder, "data", "cursors", "kinesis.json"), "utf8"))
    expect(Object.keys(cursor.threads)).toEqual(["2"])
    expect(new Set(await streamed(kinesis))).toEqual(await logged(join(folder, "data")))
  })
})

it("serves without a stream that can be reached, says so, and keeps what waits", { timeout: 60_000 }, async () => {
  const folder = temporaryFolder()
  const gateway = await GatewayProcess.start(folder, {
    KINESIS_STREAM: STREAM,
    KINESIS_DRAIN_SECONDS: "0.2",
    SHUTDOWN_DELAY_SECONDS: "0",
    AWS_ENDPOINT_URL_KINESIS: "http://127.0.0.1:1",
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "any",
    AWS_SECRET_ACCESS_KEY: "any",
  })
  const over = { now: false }
  const sending = send(gateway.address, seedrandom("away"), () => over.now)
  await expect.poll(() => metric(gateway.address, "bandit_stream_failing"), { timeout: 20_000 }).toBe(1)
  await expect
    .poll(() => metric(gateway.address, "bandit_stream_backlog_events"), { timeout: 20_000 })
    .toBeGreaterThan(0)
  over.now = true
  expect(await sending).not.toEqual([])
  const ready = await fetch(`${gateway.address}/readyz`)
  expect(ready.status).toBe(200)
  expect(await ready.json()).toMatchObject({
    parts: {
      stream: {
        ready: false,
        required: false,
        detail: expect.stringMatching(/^about \d+ events wait: .*ECONNREFUSED/),
      },
    },
  })
  expect(await gateway.stop()).toBe(0)

  // The stream is there again: what waited reaches it.
  const kinesis = await LocalKinesis.start()
  const again = await GatewayProcess.start(folder, {
    ...kinesis.environment,
    KINESIS_STREAM: STREAM,
    SHUTDOWN_DELAY_SECONDS: "0",
  })
  await expect.poll(() => metric(again.address, "bandit_stream_backlog_bytes"), { timeout: 20_000 }).toBe(0)
  expect(await again.stop()).toBe(0)
  expect(new Set(await streamed(kinesis))).toEqual(await logged(join(folder, "data")))
})
