import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { openOutcomeLog } from "#src/adapters/ndjson/outcome-log.ts"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { createSqliteCounterStore } from "#src/adapters/sqlite/counter-store.ts"
import { Database } from "#src/adapters/sqlite/database.ts"
import { lockFolder } from "#src/adapters/sqlite/folder-lock.ts"
import { createRecorder } from "#src/app/recorder.ts"
import { rebuild } from "#src/cli/rebuild.ts"
import { shippedLines } from "#test/adapters/ndjson/shipped-lines.ts"
import { connectClients } from "#test/adapters/redis/connected.ts"
import { addressOf, startRedis } from "#test/adapters/redis/redis-servers.ts"
import { GatewayLog } from "#test/contract/gateway-log.ts"
import { ALL_OF_CHAMPION, decisionEvent, factsOf, rewardEvent } from "#test/outcomes.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const said = { out: "", err: "" }
  const io = {
    stdout: { write: (text: string) => (said.out += text) },
    stderr: { write: (text: string) => (said.err += text) },
    env,
  }
  return { code: await rebuild.run(args, io), ...said }
}

/** The data folder that a gateway leaves after three decisions and two rewards. */
async function servedFolder(): Promise<string> {
  const folder = temporaryFolder()
  const logger = createRememberingLogger()
  const log = await openOutcomeLog({ folder: join(folder, "outcomes"), logger })
  const store = createSqliteCounterStore(new Database({ path: join(folder, "gateway.db") }, logger))
  const recorder = createRecorder({ log, store, clock: realClock, logger })
  for (const decisionId of ["D1", "D2", "D3"]) {
    const event = decisionEvent({ decisionId })
    await recorder.recordDecision(JSON.stringify(event), factsOf(event))
  }
  await recorder.recordRewards([rewardEvent({ decisionId: "D1" }), rewardEvent({ decisionId: "D2" })])
  await recorder.close()
  return folder
}

function logOf(folder: string): string {
  return join(folder, "outcomes", "outcomes-00000001.ndjson")
}

describe("given the folder of a gateway that was stopped", () => {
  it("finds the counters equal, as one document or one sentence", async () => {
    const folder = await servedFolder()
    const { code, out } = await run(["--check", "--json", "--data-dir", folder])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toEqual({
      events: 5,
      skipped: 0,
      equal: true,
      differences: [],
      unfolded: 0,
      lostFiles: 0,
    })
    expect(await run(["--check"], { DATA_DIR: folder })).toEqual({
      code: 0,
      out: "Counters equal the fold of 5 events.\n",
      err: "",
    })
  })

  it("exits 1 and names what differs when the log was changed, and makes it equal again", async () => {
    const folder = await servedFolder()
    writeFileSync(logOf(folder), readFileSync(logOf(folder), "utf8").split("\n").slice(1).join("\n"))
    const asked = await run(["--check", "--data-dir", folder])
    expect(asked.code).toBe(1)
    expect(asked.out).toContain(
      "banner-ctr champion decisions (learned) 2026-11-20T12:00:00.000Z: count is 3, the log says 2",
    )
    const made = await run(["--json", "--data-dir", folder])
    expect([made.code, JSON.parse(made.out)]).toEqual([0, { events: 4, skipped: 0, lostFiles: 0, rebuilt: true }])
    expect((await run(["--check", "--data-dir", folder])).code).toBe(0)
  })

  it("says what was skipped and what waits for the next start", async () => {
    const folder = await servedFolder()
    const text = readFileSync(logOf(folder), "utf8")
    writeFileSync(logOf(folder), `{damaged damaged damaged${text.slice(24)}`)
    appendFileSync(logOf(folder), `${JSON.stringify(decisionEvent({ decisionId: "D4" }))}\n`)
    const { code, out } = await run(["--check", "--data-dir", folder])
    expect(code).toBe(1)
    expect(out).toContain("4 events (1 damaged line skipped)")
    expect(out).toContain("What waits for the next start: 1 later event.")
  })
})

describe("given a folder that is in use", () => {
  it("refuses to rebuild, and checks all the same", async () => {
    const folder = await servedFolder()
    const lock = await lockFolder(folder)
    await expect(run(["--data-dir", folder])).rejects.toMatchObject({ code: "config_invalid" })
    expect((await run(["--check", "--data-dir", folder])).code).toBe(0)
    lock.release()
  })
})

describe("given a folder without outcomes or counters", () => {
  it("exits 1, says what to do, and makes nothing", async () => {
    const folder = temporaryFolder()
    for (const args of [[], ["--check"]]) {
      const { code, err } = await run([...args, "--data-dir", folder])
      expect([code, err]).toEqual([1, expect.stringContaining("--data-dir")])
    }
    mkdirSync(join(folder, "outcomes"))
    expect((await run(["--check", "--data-dir", folder])).code).toBe(1)
    expect((await run(["--json", "--data-dir", folder])).out).toBe(
      '{"events":0,"skipped":0,"lostFiles":0,"rebuilt":true}\n',
    )
  })
})

it("makes the counters in Redis anew, which a running gateway takes for lost until its own log is folded again", async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const clients = await connectClients(addressOf(redis))
  onTestFinished(() => clients.end())
  const running = createRedisCounterStore(clients, realClock, createRememberingLogger())
  const own = new GatewayLog("own").append(decisionEvent({ decisionId: "D9" }), rewardEvent({ decisionId: "D9" }))
  await own.catchUp(running)
  const statistics = async () => (await running.statistics("banner-ctr", ALL_OF_CHAMPION)).variants
  expect(await statistics()).toMatchObject([{ n: 1, sum: 1 }])
  const gone = await servedFolder()
  const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}`, DATA_DIR: gone }
  expect(await run([], env)).toMatchObject({ code: 0, out: "Counters made from 5 events.\n" })
  expect(await run(["--check"], env)).toMatchObject({ code: 0 })
  await expect(statistics()).rejects.toThrow(/not yet all of the logs own/)
  await own.catchUp(running)
  expect(await statistics()).toMatchObject([{ n: 4, sum: 3 }])
})

it("counts with --from what counters in Redis lack of a folder, once, and resets nothing", async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const clients = await connectClients(addressOf(redis))
  onTestFinished(() => clients.end())
  const running = createRedisCounterStore(clients, realClock, createRememberingLogger())
  await new GatewayLog("own").append(decisionEvent({ decisionId: "D9" })).catchUp(running)
  const gone = await servedFolder()
  const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}` }
  expect(await run(["--from", gone])).toMatchObject({ code: 1, err: expect.stringContaining("Set REDIS_URL") })
  expect(await run(["--from", temporaryFolder()], env)).toMatchObject({
    code: 1,
    err: expect.stringContaining("--from"),
  })
  const counted = { code: 0, out: "Counted what was lacking of 5 events.\n" }
  expect(await run(["--from", gone], env)).toMatchObject(counted)
  const { variants } = await running.statistics("banner-ctr", ALL_OF_CHAMPION)
  expect(variants).toMatchObject([{ n: 4, sum: 2 }])
  expect(await run(["--from", gone], env)).toMatchObject(counted)
  expect((await running.statistics("banner-ctr", ALL_OF_CHAMPION)).variants).toEqual(variants)
})

describe("given lines of the stream of a gateway that is gone", () => {
  /** A Redis that has counted nothing, and what the gateway's log had. */
  async function given() {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const clients = await connectClients(addressOf(redis))
    onTestFinished(() => clients.end())
    const store = createRedisCounterStore(clients, realClock, createRememberingLogger())
    const statistics = async () => (await store.statistics("banner-ctr", ALL_OF_CHAMPION)).variants
    const lines = await shippedLines(join(await servedFolder(), "outcomes"))
    const copy = join(temporaryFolder(), "copy")
    const from = async (copied: readonly string[], ...args: readonly string[]) => {
      writeFileSync(copy, copied.map((line) => `${line}\n`).join(""))
      return await run(["--from", copy, ...args], { REDIS_URL: `redis://127.0.0.1:${redis.port}` })
    }
    return { from, lines, statistics, copy }
  }

  it("counts them, and leaves nothing in the temporary folder", async () => {
    const { from, lines, statistics } = await given()
    const temporary = temporaryFolder()
    const environment = { ...process.env }
    onTestFinished(() => {
      process.env = environment
    })
    process.env = { ...environment, TMPDIR: temporary }
    expect(await from(lines.toReversed(), "--json")).toEqual({
      code: 0,
      out: `${JSON.stringify({
        events: 5,
        skipped: 0,
        rebuilt: false,
        missing: [],
        running: [],
        lapsed: [],
        contradicted: [],
        unplacedLines: 0,
        damagedLines: 0,
      })}\n`,
      err: "",
    })
    expect(await statistics()).toMatchObject([{ n: 3, sum: 2 }])
    expect(readdirSync(temporary)).toEqual([])
  })

  it("exits 1 and says which are missing, until they are there or given up", async () => {
    const { from, lines, statistics } = await given()
    const without = [...lines.toSpliced(1, 1), "foreign"]
    const { code, out } = await from(without)
    expect(code).toBe(1)
    expect(out.replaceAll(/[\w-]{22}/g, "LOG").split("\n")).toEqual([
      "Counted what was lacking of 1 event.",
      expect.stringMatching(
        /^No copy has the log LOG from file 1, byte \d+ to file 1, byte \d+, \d+ bytes \(banner-ctr\)\.$/,
      ),
      expect.stringContaining("--over-gaps"),
      "Not counted: 1 line without a place in a log.",
      "",
    ])
    expect(await statistics()).toMatchObject([{ n: 1, sum: 0 }])
    expect((await from(without, "--over-gaps")).code).toBe(0)
    expect(await statistics()).toMatchObject([{ n: 2, sum: 2 }])
    expect((await from(lines)).code).toBe(0)
    expect(await statistics()).toMatchObject([{ n: 2, sum: 2 }])
  })

  it("says what can't be counted from", async () => {
    const { from, lines, copy } = await given()
    const place = /,"log":"[^"]*"\}$/
    const unplaced = await from(lines.map((line) => line.replace(place, "}")))
    expect([unplaced.code, unplaced.err.replaceAll("\n", " ")]).toEqual([
      1,
      expect.stringContaining("no line there says which line of a log it is"),
    ])
    const changed = lines[1]?.replace('"revision":1', '"revision":2') ?? ""
    const contradicted = await from([...lines, changed])
    expect([contradicted.code, contradicted.out]).toEqual([
      1,
      expect.stringContaining("its lines differ between copies"),
    ])
    await expect(from(["PAR1"])).rejects.toThrow(`${copy} is Parquet`)
  })
})
