import { readdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, it, onTestFinished } from "vitest"
import { KinesisOutcomeStream } from "#src/adapters/kinesis/outcome-stream.ts"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { evaluate } from "#src/cli/evaluate.ts"
import { outcomes } from "#src/cli/outcomes.ts"
import { parseOutcomeLine } from "#src/domain/outcome-line.ts"
import { LocalKinesis, STREAM } from "#test/adapters/kinesis/local-kinesis.ts"
import { LoggedOutcomes } from "#test/app/logged-outcomes.ts"
import { decisionEvent, NOON, rewardEvent } from "#test/outcomes.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const REVISION = {
  v: 1,
  type: "experiment",
  eventId: "e-banner-ctr-9",
  at: new Date(NOON).toISOString(),
  experiment: "banner-ctr",
  revision: 9,
  actor: "folder",
  source: "folder",
  models: { champion: "abc" },
  lineage: { series: { champion: 1 }, epoch: 1, metrics: {} },
  diff: ["policy"],
  document: { id: "banner-ctr" },
}

async function run(...args: readonly string[]) {
  const said = { out: "", err: "" }
  const io = {
    stdout: { write: (text: string) => (said.out += text) },
    stderr: { write: (text: string) => (said.err += text) },
    env: {},
  }
  return { code: await outcomes.run(args, io), ...said }
}

async function served(): Promise<LoggedOutcomes> {
  const gateway = new LoggedOutcomes(temporaryFolder())
  const { decide, reward, recorder } = await gateway.start(createMemoryCounterStore())
  await decide("D1", "D2")
  await reward(rewardEvent({ decisionId: "D1" }))
  await recorder.close()
  return gateway
}

function idsOf(out: string): string[] {
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line).eventId)
}

describe("given the folder of a gateway", () => {
  it("prints every event once, also one that was logged twice, and no damaged line", async () => {
    const gateway = await served()
    gateway.append(decisionEvent({ decisionId: "D1" }), { damaged: true }, decisionEvent({ decisionId: "D3" }))
    const { code, out } = await run("tail", "--data-dir", gateway.folder)
    expect(code).toBe(0)
    expect(idsOf(out)).toEqual(["d-D1", "d-D2", "r-D1-click", "d-D3"])
  })

  it("prints every line where that is asked for, and still no damage", async () => {
    const gateway = await served()
    gateway.append(decisionEvent({ decisionId: "D1" }), { damaged: true })
    const { out } = await run("tail", "--every-line", "--data-dir", gateway.folder)
    expect(idsOf(out)).toEqual(["d-D1", "d-D2", "r-D1-click", "d-D1"])
  })

  it("prints only what was asked for", async () => {
    const { folder } = await served()
    expect(idsOf((await run("tail", "--type", "reward", "--data-dir", folder)).out)).toEqual(["r-D1-click"])
    expect((await run("tail", "--experiment", "another", "--data-dir", folder)).out).toBe("")
  })

  it("goes on from its cursor", async () => {
    const gateway = await served()
    const args = ["tail", "--data-dir", gateway.folder, "--cursor", join(temporaryFolder(), "cursor.json")]
    expect(idsOf((await run(...args)).out)).toHaveLength(3)
    gateway.append(decisionEvent({ decisionId: "D9" }))
    expect(idsOf((await run(...args)).out)).toEqual(["d-D9"])
    expect((await run(...args)).out).toBe("")
  })
})

it.each([
  [[], 'say what to do with the outcomes: "tail" prints them, "copy" writes them as Parquet'],
  [["tail", "--from", "yesterday"], "--from yesterday is no time: write 2026-11-20T12:00:00Z"],
  [["tail", "--stream", "s", "--cursor", "f"], "--cursor is for the log of a data folder"],
  [["copy", "--stream", "s"], "--to is missing: a folder for the copies"],
  [["copy", "--to", "x", "--data-dir", "/nowhere", "--stream", "s"], "give --data-dir or --stream, not both"],
  [["tail", "--type", "click"], "--type must be one of decision, reward, experiment"],
  [["tail", "--data-dir", "/nowhere"], "Name a gateway's data folder with --data-dir"],
])("refuses %j and says what would be right", async (args, message) => {
  const { code, err } = await run(...args)
  expect([code, err.replaceAll("\n", " ")]).toEqual([1, expect.stringContaining(message)])
})

describe("given events of several days", () => {
  const DAY_MS = 86_400_000

  async function copied() {
    const gateway = await served()
    const to = join(temporaryFolder(), "copies")
    const copy = async () => JSON.parse((await run("copy", "--to", to, "--data-dir", gateway.folder, "--json")).out)
    const files = () =>
      readdirSync(to, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".parquet"))
        .toSorted()
    return { gateway, to, copy, files }
  }

  it("prints those from a time on", async () => {
    const gateway = await served()
    gateway.append(decisionEvent({ decisionId: "D3", decidedAt: NOON + DAY_MS }))
    const { out } = await run("tail", "--from", "2026-11-21", "--data-dir", gateway.folder)
    expect(idsOf(out)).toEqual(["d-D3"])
  })

  it("copies them by day and experiment, each once, and nothing twice when it is run again", {
    timeout: 60_000,
  }, async () => {
    const { gateway, to, copy, files } = await copied()
    gateway.append(decisionEvent({ decisionId: "D1" }), decisionEvent({ decisionId: "D3", decidedAt: NOON + DAY_MS }))
    gateway.append(decisionEvent({ decisionId: "D4", experiment: "007" }), { damaged: true })
    expect(await copy()).toEqual({ events: 5, parts: 1, to })
    expect(files().map((name) => name.replace(/[\w-]{22}-/, "LOG-"))).toEqual([
      "day=2026-11-20/experiment=007/LOG-00000001-0.parquet",
      "day=2026-11-20/experiment=banner-ctr/LOG-00000001-0.parquet",
      "day=2026-11-21/experiment=banner-ctr/LOG-00000001-0.parquet",
    ])
    const before = files()
    expect(await copy()).toEqual({ events: 0, parts: 0, to })
    gateway.append(decisionEvent({ decisionId: "D5" }))
    expect(await copy()).toEqual({ events: 6, parts: 1, to })
    expect(files()).toEqual(before)
  })

  it("writes what evaluate reads, with the same answer as the log itself", { timeout: 60_000 }, async () => {
    const { gateway, to, copy } = await copied()
    for (let day = 0; day < 3; day++) {
      for (let number = 0; number < 40; number++) {
        const decision = {
          decisionId: `E${day}-${number}`,
          unit: `u${day}-${number}`,
          variant: number % 2 === 0 ? "champion" : "challenger",
          experiment: "007",
          decidedAt: NOON + day * DAY_MS + number,
        }
        gateway.append(decisionEvent(decision))
        if (number % 3 === 0) gateway.append(rewardEvent(decision))
      }
    }
    await copy()
    const judged = async (log: string) => {
      const said = { out: "" }
      const io = { stdout: { write: (text: string) => (said.out += text) }, stderr: { write: () => {} }, env: {} }
      const options = ["--target-allocation", '{"challenger":1}', "--window", "60", "--json"]
      expect(await evaluate.run(["--log", log, "--experiment", "007", ...options], io)).toBe(0)
      return JSON.parse(said.out)
    }
    expect(await judged(to)).toEqual(await judged(gateway.folder))
  })
})

it("copies every field that an event may have", { timeout: 60_000 }, async () => {
  const gateway = await served()
  const revision = parseOutcomeLine(JSON.stringify(REVISION))
  if (revision === undefined) throw new Error("not a revision")
  const events = [
    { ...decisionEvent({ decisionId: "D7", seriesByVariant: { champion: 1, challenger: 2 } }), context: { hour: 3 } },
    { ...rewardEvent({ decisionId: "D7", delayWindowSeconds: 600 }), instance: 0 },
    revision,
  ]
  gateway.append(...events)
  const to = temporaryFolder()
  expect((await run("copy", "--to", to, "--data-dir", gateway.folder)).code).toBe(0)
  const { DuckDBInstance } = await import("@duckdb/node-api")
  const instance = await DuckDBInstance.create(":memory:")
  const connection = await instance.connect()
  const rows = await connection.runAndReadAll(
    `SELECT * FROM read_parquet('${to}/**/*.parquet', hive_partitioning = false) WHERE "eventId" IN ('d-D7', 'r-D7-click', 'e-banner-ctr-9')`,
  )
  const read = rows.getRowObjectsJson() as Record<string, unknown>[]
  connection.closeSync()
  instance.closeSync()
  const texts = (event: Readonly<Record<string, unknown>>, names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, textOf(event[name])]))
  for (const event of events) {
    const names = Object.keys(event)
    const row = read.find(({ eventId }) => eventId === event.eventId) ?? {}
    expect(texts(row, names)).toEqual(texts({ ...event }, names))
  }
})

/** A value as either side has it: objects as JSON, times as epoch milliseconds. */
function textOf(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value)
  return /^\d{4}-\d\d-\d\d[T ]/.test(text) ? String(Date.parse(text.replace(" ", "T").replace(/Z?$/, "Z"))) : text
}

describe("given a stream", () => {
  it("prints its events once, and copies what came since the last copy", { timeout: 60_000 }, async () => {
    const kinesis = await LocalKinesis.start()
    const stream = new KinesisOutcomeStream({
      stream: STREAM,
      clock: realClock,
      logger: createRememberingLogger(),
      random: Math.random,
      sleep: (ms, signal) => sleep(ms, undefined, { signal }),
      client: kinesis.connection,
    })
    const send = async (...ids: readonly string[]): Promise<void> => {
      const lines = ids.map((decisionId) => `${JSON.stringify(decisionEvent({ decisionId }))}\n`)
      await stream.send(Buffer.from(lines.join("")), new AbortController().signal)
    }
    await send("D1", "D2", "D3")
    await send("D3", "D4")
    const { AWS_ENDPOINT_URL_KINESIS } = kinesis.environment
    const environment = { ...process.env }
    onTestFinished(() => {
      process.env = environment
    })
    process.env = { ...environment, ...kinesis.environment, AWS_ENDPOINT_URL_KINESIS }
    expect(idsOf((await run("tail", "--stream", STREAM)).out).toSorted()).toEqual(["d-D1", "d-D2", "d-D3", "d-D4"])
    const to = temporaryFolder()
    const copy = async () => JSON.parse((await run("copy", "--to", to, "--stream", STREAM, "--json")).out)
    expect((await copy()).events).toBe(4)
    expect((await copy()).events).toBe(0)
    await send("D5")
    expect((await copy()).events).toBe(1)
    stream.close()
  })
})
