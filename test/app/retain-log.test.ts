import { appendFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { keepLogSpan, newLogSpan } from "#src/adapters/ndjson/log-identity.ts"
import { createFoldMarkFile } from "#src/adapters/node-files/fold-marks.ts"
import { LogCursorFile } from "#src/adapters/node-files/log-cursor.ts"
import { LogFollower } from "#src/app/follow-log.ts"
import { toEvent } from "#src/app/revision-event.ts"
import type { ExperimentId } from "#src/domain/ids.ts"
import { countedIn } from "#test/contract/opened-store.ts"
import { decisionEvent } from "#test/outcomes.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { FILE_BYTES, RetainedGateway } from "./retained-gateway.ts"

/** A log may hold so much beside what must stay: the file that is written, and three hours until two checkpoints stand for the oldest. */
const SLACK_FILES = 6

async function served(hours: number, bounds = { maxBytes: 5 * FILE_BYTES }) {
  const gateway = new RetainedGateway(temporaryFolder())
  const process = await gateway.start(bounds)
  await process.hours(hours)
  return { gateway, process }
}

async function counted(gateway: RetainedGateway) {
  const store = gateway.openStore()
  const counts = await countedIn(store)
  const { cells } = await store.contents()
  const count = (metric: string) =>
    cells.filter((cell) => cell.metric === metric).reduce((sum, cell) => sum + cell.count, 0)
  const seen = await store.seen(gateway.rewards.slice(-2 * 7))
  await store.close()
  return { counts, decisions: count(""), rewards: count("click"), seen: seen.every(Boolean) }
}

const DATABASE = ["gateway.db", "gateway.db-wal", "gateway.db-shm"]

/** What the counters must be, whatever was deleted. */
function everything(gateway: RetainedGateway) {
  return { decisions: gateway.decisions, rewards: gateway.rewards.length, seen: true }
}

describe("given a gateway that serves for eight days, with a bound on its log", () => {
  it("keeps the disk bounded, and the counters equal after a rebuild from checkpoint and log", {
    timeout: 120_000,
  }, async () => {
    const gateway = new RetainedGateway(temporaryFolder())
    const { hours, recorder, retention } = await gateway.start({ maxBytes: 5 * FILE_BYTES })
    await hours(60)
    const perDay = (gateway.logBytes + retention.counts.deletedBytes) / 2.5
    const sizes: number[] = []
    await hours(132, () => sizes.push(gateway.logBytes))
    await recorder.close()
    // Two days must stay: the life of a token, at least a day, and one more.
    expect(Math.max(...sizes)).toBeLessThan(2 * perDay + SLACK_FILES * FILE_BYTES)
    expect(Math.min(...sizes)).toBeGreaterThan(1.9 * perDay)
    expect(gateway.checkpointFiles).toHaveLength(2)
    expect(retention.counts).toMatchObject({ failures: 0, lostToFollowers: 0 })
    const before = await counted(gateway)
    expect(before).toMatchObject(everything(gateway))
    expect(await gateway.check()).toMatchObject({ equal: true, differences: [], unfolded: 0, lostFiles: 0 })
    const rebuilt = await gateway.rebuild()
    expect(rebuilt).toMatchObject({ lostFiles: 0 })
    expect(rebuilt.checkpoint).toBeGreaterThan(2)
    expect(await counted(gateway)).toEqual(before)
    expect(await gateway.check()).toMatchObject({ equal: true, unfolded: 0 })
  })

  it("answers a repeated reward as a duplicate after a rebuild, and counts nothing", { timeout: 60_000 }, async () => {
    const { gateway, process } = await served(72)
    await process.recorder.close()
    await gateway.rebuild()
    const again = await gateway.start({})
    const repeated = gateway.rewards.slice(-7)
    expect(await again.recorder.recordRewards(repeated)).toEqual(repeated.map(() => "duplicate"))
    await again.recorder.close()
    expect(await counted(gateway)).toMatchObject(everything(gateway))
  })

  it("makes a database that was lost anew from the checkpoint, says so, and goes on", { timeout: 60_000 }, async () => {
    const { gateway, process } = await served(72)
    await process.recorder.close()
    for (const name of DATABASE) rmSync(join(gateway.folder, name), { force: true })
    const again = await gateway.start({ maxBytes: 5 * FILE_BYTES })
    expect(again.recovered.lostFiles).toBe(0)
    expect(gateway.logger.messages.join()).toContain("they are made from a checkpoint and the log since")
    await again.hours(3)
    await again.recorder.close()
    expect(await counted(gateway)).toMatchObject(everything(gateway))
    expect(await gateway.check()).toMatchObject({ equal: true, unfolded: 0 })
  })

  it("brings revisions back whose lines went, so that no number is given twice", { timeout: 60_000 }, async () => {
    const gateway = new RetainedGateway(temporaryFolder())
    const process = await gateway.start({ maxBytes: 5 * FILE_BYTES })
    const revision = {
      experiment: "banner-ctr" as ExperimentId,
      revision: 7,
      document: { id: "banner-ctr" },
      at: gateway.clock.now(),
      source: "api",
      actor: "ads",
      diff: [],
      models: {},
      lineage: { series: { champion: 1 }, epoch: 1, metrics: {} },
    } as const
    await process.store.experiments.append(revision, 0)
    await process.recorder.recordExperiment(toEvent(revision))
    await process.hours(72)
    await process.recorder.close()
    const lines = gateway.files.map((name) => readFileSync(join(gateway.outcomes, name), "utf8")).join("")
    expect(lines).not.toContain('"type":"experiment"')
    for (const name of DATABASE) rmSync(join(gateway.folder, name), { force: true })
    const again = await gateway.start({})
    expect(await again.store.experiments.history(revision.experiment)).toEqual([revision])
    await again.recorder.close()
  })

  it("falls back to the older checkpoint where the newest is damaged", { timeout: 60_000 }, async () => {
    const { gateway, process } = await served(72)
    await process.recorder.close()
    const before = await counted(gateway)
    const newest = join(gateway.folder, "checkpoints", gateway.checkpointFiles.at(-1) ?? "")
    truncateSync(newest, 500)
    const numbers = gateway.checkpointFiles.map((name) => Number.parseInt(name, 10))
    expect(await gateway.check()).toMatchObject({ equal: true, checkpoint: numbers[0] })
    expect(await gateway.rebuild()).toMatchObject({ checkpoint: numbers[0], lostFiles: 0 })
    expect(await counted(gateway)).toEqual(before)
  })

  it("says what is lost where no checkpoint can be read, and goes on with the log that remains", {
    timeout: 60_000,
  }, async () => {
    const { gateway, process } = await served(72)
    await process.recorder.close()
    const first = Number(/\d+/.exec(gateway.files[0] ?? "")?.[0])
    rmSync(join(gateway.folder, "checkpoints"), { recursive: true })
    for (const name of DATABASE) rmSync(join(gateway.folder, name), { force: true })
    const again = await gateway.start({})
    expect(again.recovered.lostFiles).toBe(first - 1)
    expect(gateway.logger.messages.join()).toContain("error: files of the outcome log are gone")
    await again.hour()
    await again.recorder.close()
    const { decisions } = await counted(gateway)
    expect(decisions).toBeGreaterThan(0)
    expect(decisions).toBeLessThan(gateway.decisions)
  })

  it("deletes by age alone where only that is bounded", { timeout: 60_000 }, async () => {
    const gateway = new RetainedGateway(temporaryFolder())
    const { hours, recorder, retention } = await gateway.start({ maxAgeMs: 3 * 86_400_000 })
    await hours(70)
    expect(retention.counts.deletedFiles).toBe(0)
    await hours(30)
    expect(retention.counts.deletedFiles).toBeGreaterThan(0)
    await recorder.close()
    expect(await gateway.check()).toMatchObject({ equal: true })
  })
})

describe("given a process that ends at a bad moment", () => {
  it("counts the same when it ended between checkpoint and deletion", { timeout: 60_000 }, async () => {
    const gateway = new RetainedGateway(temporaryFolder())
    const { hours, recorder } = await gateway.start({ maxBytes: 5 * FILE_BYTES })
    // Every deletion fails, as if the process were gone by then.
    gateway.refuses = "remove"
    await hours(60)
    await recorder.close()
    expect(gateway.checkpointFiles).toHaveLength(2)
    expect(gateway.files[0]).toBe("outcomes-00000001.ndjson")
    expect(await gateway.check()).toMatchObject({ equal: true, lostFiles: 0 })
    gateway.refuses = "nothing"
    await gateway.segmentsOf(1).remove(1)
    expect(await gateway.check()).toMatchObject({ equal: true, lostFiles: 0, differences: [] })
    await gateway.rebuild()
    expect(await counted(gateway)).toMatchObject(everything(gateway))
  })

  it("makes a store anew whose restore was broken off", { timeout: 60_000 }, async () => {
    const { gateway, process } = await served(72)
    await process.recorder.close()
    const store = gateway.openStore()
    const checkpoint = await gateway.checkpoints.newest()
    await gateway.checkpoints.setRestoring(true)
    await store.reset()
    if (checkpoint !== undefined) await store.restore(checkpoint.contents)
    await store.close()
    const again = await gateway.start({})
    expect(await again.recorder.recordRewards(gateway.rewards.slice(-7))).toEqual(
      Array.from({ length: 7 }, () => "duplicate"),
    )
    await again.recorder.close()
    expect(await gateway.checkpoints.isRestoring()).toBe(false)
    expect(await counted(gateway)).toMatchObject(everything(gateway))
  })
})

describe("given the logs of two threads", () => {
  it("keeps them together within their bound, with counters that a rebuild and a start without a database make again", {
    timeout: 120_000,
  }, async () => {
    const gateway = new RetainedGateway(temporaryFolder(), 2)
    const { hours, recorder, retention } = await gateway.start({ maxBytes: 10 * FILE_BYTES })
    await hours(90)
    const begins = await Promise.all(gateway.readers.map((reader) => reader.begin()))
    for (const begin of begins) expect(begin?.file).toBeGreaterThan(1)
    expect(retention.counts).toMatchObject({ failures: 0, lostToFollowers: 0 })
    await recorder.close()
    expect(await gateway.check()).toMatchObject({ equal: true, differences: [], unfolded: 0, lostFiles: 0 })
    expect(await gateway.rebuild()).toMatchObject({ lostFiles: 0 })
    expect(await gateway.check()).toMatchObject({ equal: true, differences: [] })
    for (const suffix of ["", "-wal", "-shm"]) rmSync(join(gateway.folder, `gateway.db${suffix}`), { force: true })
    const again = await gateway.start({})
    expect(again.recovered.lostFiles).toBe(0)
    const repeated = await again.recorder.recordRewards(gateway.rewards.slice(-7))
    expect(new Set(repeated)).toEqual(new Set(["duplicate"]))
    await again.recorder.close()
    expect(await gateway.check()).toMatchObject({ equal: true, differences: [], unfolded: 0, lostFiles: 0 })
  })
})

describe("given followers", () => {
  async function following(gateway: RetainedGateway, name: string, untilFile: number) {
    mkdirSync(join(gateway.folder, "cursors"), { recursive: true })
    const taken: string[] = []
    const follower = new LogFollower({
      reader: gateway.reader,
      cursor: new LogCursorFile(join(gateway.folder, "cursors", `${name}.json`)).cursor(1),
      logger: gateway.logger,
      take: async ({ lines }) => void taken.push(...lines),
    })
    await follower.catchUp({ file: untilFile, offset: 0, hash: "" })
    return { follower, taken }
  }

  it("keeps files that one of them has not taken, while the log is within its bound", { timeout: 60_000 }, async () => {
    const gateway = new RetainedGateway(temporaryFolder())
    const { hours, recorder, retention } = await gateway.start({ maxAgeMs: 2.5 * 86_400_000 })
    await hours(10)
    const { follower, taken } = await following(gateway, "audit", 4)
    await hours(90)
    expect(gateway.files[0]).toBe("outcomes-00000004.ndjson")
    expect(retention.counts).toMatchObject({ deletedFiles: 3, lostToFollowers: 0 })
    await follower.catchUp()
    expect(new Set(taken).size).toBe(gateway.decisions + gateway.rewards.length)
    await hours(2)
    expect(retention.counts.deletedFiles).toBeGreaterThan(3)
    await recorder.close()
  })

  it("counts exactly what a follower lost where the log passed its bound", { timeout: 60_000 }, async () => {
    const gateway = new RetainedGateway(temporaryFolder())
    const { hours, recorder, retention } = await gateway.start({ maxBytes: 5 * FILE_BYTES })
    await hours(10)
    const path = join(gateway.folder, "cursors", "slow.json")
    const { taken } = await following(gateway, "slow", 3)
    writeFileSync(join(gateway.folder, "cursors", "broken.json"), "not a cursor")
    await hours(62)
    await recorder.close()
    const late: string[] = []
    const resumed = new LogFollower({
      reader: gateway.reader,
      cursor: new LogCursorFile(path).cursor(1),
      logger: gateway.logger,
      take: async ({ lines }) => void late.push(...lines),
    })
    await resumed.catchUp()
    const all = gateway.decisions + gateway.rewards.length
    const lostBySlow = all - taken.length - late.length
    const lostByBroken = all - late.length
    expect(lostBySlow).toBeGreaterThan(0)
    expect(retention.counts.lostToFollowers).toBe(lostBySlow + lostByBroken)
    expect(gateway.logger.messages.join()).toContain("files of the log are gone")
  })
})

describe("given what must stay", () => {
  it("deletes nothing that is not folded, however large the log", { timeout: 60_000 }, async () => {
    const gateway = new RetainedGateway(temporaryFolder())
    const { hours, recorder, retention } = await gateway.start({ maxBytes: 1 })
    await hours(5)
    gateway.stalledMarks = await createFoldMarkFile(gateway.folder, gateway.logger).load()
    await hours(70)
    expect(retention.counts).toMatchObject({ deletedFiles: 0, failures: 0 })
    gateway.stalledMarks = undefined
    await hours(3)
    expect(retention.counts.deletedFiles).toBeGreaterThan(0)
    await recorder.close()
  })

  it("deletes nothing because of a clock that is ahead for a while", { timeout: 60_000 }, async () => {
    const gateway = new RetainedGateway(temporaryFolder())
    const { hours, recorder, retention } = await gateway.start({ maxBytes: 1 })
    await hours(10)
    gateway.clock.jump(70 * 86_400_000)
    for (let look = 0; look < 4; look++) {
      gateway.clock.pass(900_000)
      await retention.look()
    }
    expect(retention.counts).toMatchObject({ deletedFiles: 0, failures: 0 })
    await recorder.close()
  })

  it("never throws: what fails is counted and tried again", async () => {
    const gateway = new RetainedGateway(temporaryFolder())
    const { hours, recorder, retention } = await gateway.start({ maxBytes: 1 })
    gateway.refuses = "list"
    await hours(2)
    expect(retention.counts.failures).toBe(2)
    expect(gateway.logger.messages.filter((message) => message.includes("can't be deleted now"))).toHaveLength(1)
    gateway.refuses = "nothing"
    await hours(1)
    expect(retention.counts.failures).toBe(2)
    await recorder.close()
  })
})

describe("given a log that went by another id before", () => {
  it("deletes its files once what was logged under that id is counted", { timeout: 60_000 }, async () => {
    const gateway = new RetainedGateway(temporaryFolder())
    const first = await gateway.start({})
    await first.hours(20)
    await first.log.renew()
    await first.hours(2)
    await first.recorder.close()
    const again = await gateway.start({ maxBytes: 5 * FILE_BYTES })
    await again.hours(60)
    expect(again.retention.counts.deletedFiles).toBeGreaterThan(3)
    await again.recorder.close()
    expect(await gateway.check()).toMatchObject({ equal: true, unfolded: 0, lostFiles: 0 })
    const before = await counted(gateway)
    await gateway.rebuild()
    expect(await counted(gateway)).toEqual(before)
    expect(before).toMatchObject(everything(gateway))
  })

  it("keeps lines that were never counted, until a rebuild has", { timeout: 60_000 }, async () => {
    const gateway = new RetainedGateway(temporaryFolder())
    const first = await gateway.start({})
    await first.hours(20)
    await first.recorder.close()
    const tail = decisionEvent({ decisionId: "TAIL", decidedAt: gateway.clock.now(), group: 3, stickiness: "request" })
    appendFileSync(join(gateway.outcomes, gateway.files.at(-1) ?? ""), `${JSON.stringify(tail)}\n`)
    gateway.decisions += 1
    // What a start does where the store says that the log has lapsed.
    await keepLogSpan(gateway.outcomes, newLogSpan(await gateway.reader.end()))
    const lapsed = await gateway.start({ maxBytes: 5 * FILE_BYTES })
    await lapsed.hours(60)
    expect(lapsed.retention.counts.deletedFiles).toBe(0)
    expect(gateway.logger.fields).toContainEqual({ why: "earlier_id" })
    await lapsed.recorder.close()
    await gateway.rebuild()
    const again = await gateway.start({ maxBytes: 5 * FILE_BYTES })
    await again.hours(3)
    expect(again.retention.counts.deletedFiles).toBeGreaterThan(3)
    await again.recorder.close()
    expect(await counted(gateway)).toMatchObject(everything(gateway))
  })
})
