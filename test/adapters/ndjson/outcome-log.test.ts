import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { type OutcomeLogOptions, openOutcomeLog } from "#src/adapters/ndjson/outcome-log.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import type { LogPosition } from "#src/domain/log-position.ts"
import type { LogWrite } from "#src/ports/outcome-log.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { FaultyDisk } from "./faulty-disk.ts"

/** Where a test is not about time, a busy machine makes no answer late. */
const PATIENT = { answerWithinMs: 60_000, syncAfterMs: 60_000 }

async function openLog(options: Partial<OutcomeLogOptions> = {}) {
  const folder = options.folder ?? temporaryFolder()
  const logger = createRememberingLogger()
  const disk = new FaultyDisk()
  const log = await openOutcomeLog({ logger, disk, ...PATIENT, ...options, folder })
  const durable: LogPosition[] = []
  log.onSynced((end) => durable.push(end))
  return { folder, log, disk, logger, durable }
}

/** As a reward waits for its write, however long it takes. */
async function written(write: LogWrite): Promise<boolean> {
  return (await write.written) !== undefined
}

function contents(folder: string): string {
  return readdirSync(folder)
    .filter((name) => name !== "log.json")
    .sort()
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("")
}

describe("given lines of one event-loop turn", () => {
  it("appends them by one write", async () => {
    const { folder, log } = await openLog()
    await Promise.all(Array.from({ length: 100 }, (_, index) => log.append(`line ${index}`).answered))
    expect(log.counts).toMatchObject({ writes: 1, appendedLines: 100, droppedLines: 0 })
    expect(contents(folder).split("\n")).toHaveLength(101)
    await log.close()
  })

  it("has written them when the turn ends", async () => {
    const { folder, log } = await openLog()
    for (let turn = 0; turn < 3; turn++) {
      void log.append(`line ${turn}`)
      const atEnd = await new Promise<string>((resolve) => setImmediate(() => resolve(contents(folder))))
      expect(atEnd.trimEnd().split("\n")).toHaveLength(turn + 1)
    }
    await log.close()
  })

  it("gathers what comes while a write is under way into the next", async () => {
    const { log, disk } = await openLog()
    const release = disk.hang("write")
    const first = written(log.append("a"))
    await new Promise(setImmediate)
    const rest = [written(log.append("b")), written(log.append("c"))]
    release()
    expect(await Promise.all([first, ...rest])).toEqual([true, true, true])
    expect(log.counts.writes).toBe(2)
    await log.close()
  })

  it("makes a decision durable without being asked", async () => {
    const { log, disk } = await openLog({ syncAfterMs: 1 })
    await log.append("a").answered
    await expect.poll(() => disk.synced.length).toBe(1)
    await log.close()
  })

  // The last decision before a quiet hour would be counted at its end.
  it("makes one durable that is written while another is synced, though nothing follows it", async () => {
    const { log, disk, durable } = await openLog({ syncAfterMs: 1 })
    const reached = Promise.withResolvers<void>()
    const release = disk.hang("datasync", reached.resolve)
    await log.append("a").answered
    await reached.promise
    await log.append("b").answered
    release()
    await expect.poll(() => durable.at(-1)).toMatchObject({ offset: 4 })
    await log.close()
  })

  it("answers all that wait for a sync by one fdatasync after the one that is under way", async () => {
    const { log, disk } = await openLog()
    const release = disk.hang("datasync")
    await log.append("a").answered
    const first = log.sync()
    await new Promise(setImmediate)
    await log.append("b").answered
    const others = Array.from({ length: 20 }, () => log.sync())
    release()
    await Promise.all([first, ...others])
    expect(log.counts.syncs).toBe(2)
    await log.close()
  })
})

describe("given a file that has reached its size", () => {
  it("goes on in the next, and again there after a restart", async () => {
    const { folder, log } = await openLog({ maxFileBytes: 10 })
    for (const line of ["12345", "67890", "x"]) await log.append(line).answered
    await log.close()
    expect(readdirSync(folder).sort()).toEqual(["log.json", "outcomes-00000001.ndjson", "outcomes-00000002.ndjson"])
    const again = await openLog({ folder })
    await again.log.append("y").answered
    await again.log.close()
    expect(contents(folder)).toBe("12345\n67890\nx\ny\n")
    expect(again.durable.at(-1)).toMatchObject({ file: 2, offset: 4 })
  })
})

describe("given lines that a killed process left to the operating system", () => {
  it("makes them durable before it opens", async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, "outcomes-00000001.ndjson"), "left\n")
    const { log, disk } = await openLog({ folder })
    expect([...disk.durableBytes.values()]).toEqual([5])
    await log.close()
  })
})

describe("given a last line that a crash has torn", () => {
  it("counts it, reads up to it, and cuts it off when it appends", async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, "outcomes-00000001.ndjson"), 'whole\n{"v":1,"type":"deci')
    const reader = createOutcomeReader(folder)
    expect(await reader.end()).toMatchObject({ file: 1, offset: 6 })
    const { log, durable } = await openLog({ folder })
    expect(log.counts.tornLines).toBe(1)
    expect(contents(folder)).toContain("deci")
    await log.append("next").answered
    await log.close()
    expect(contents(folder)).toBe("whole\nnext\n")
    expect(durable).toMatchObject([{ file: 1, offset: 11 }])
  })

  it("starts on a file that has no whole line at all", async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, "outcomes-00000003.ndjson"), "x".repeat(200_000))
    const { log } = await openLog({ folder })
    await log.append("a").answered
    await log.close()
    expect(contents(folder)).toBe("a\n")
  })

  it("leaves other files of the folder alone", async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, "outcomes-00000001.ndjson.bak"), "kept")
    const { log } = await openLog({ folder })
    await log.append("a").answered
    await log.close()
    expect(contents(folder)).toBe("a\nkept")
  })
})

describe("given a disk that is full", () => {
  it("drops whole lines, says so, and goes on when there is room", async () => {
    const { folder, log, disk, logger } = await openLog()
    await log.append("before").answered
    disk.fail("write", "ENOSPC")
    disk.writePartially(9)
    expect(await Promise.all([log.append("lost one").answered, log.append("lost two").answered])).toEqual([
      false,
      false,
    ])
    expect(await log.append("lost three").answered).toBe(false)
    expect(log.counts).toMatchObject({ droppedLines: 3, writeErrors: 2, failing: true })
    disk.heal()
    expect(await log.append("after").answered).toBe(true)
    await log.close()
    expect(contents(folder)).toBe("before\nafter\n")
    expect(log.counts.failing).toBe(false)
    expect(logger.messages).toEqual([
      "error: [ndjson] the outcome log fails; lines are dropped",
      "info: [ndjson] the outcome log works again",
    ])
  })

  it("appends nothing behind part of a line that it can't cut off", async () => {
    const { folder, log, disk } = await openLog()
    disk.fail("write", "EIO")
    disk.writePartially(3)
    await log.append("torn").answered
    disk.heal()
    disk.fail("truncate", "EIO")
    expect(await log.append("lost").answered).toBe(false)
    disk.heal()
    expect(await log.append("kept").answered).toBe(true)
    await log.close()
    expect(contents(folder)).toBe("kept\n")
  })

  it("finishes a write that the system takes in parts", async () => {
    const { folder, log, disk } = await openLog()
    disk.writePartially(4)
    expect(await log.append("in parts").answered).toBe(true)
    await log.close()
    expect(contents(folder)).toBe("in parts\n")
  })
})

describe("given a disk that hangs", () => {
  it("writes a line anew of which it took a part before", async () => {
    const { folder, log, disk } = await openLog()
    await log.append("before").answered
    disk.writePartially(3)
    const release = disk.hang("write")
    const first = log.append("in two parts")
    const second = log.append("behind it")
    await new Promise(setImmediate)
    release()
    expect([await written(first), await written(second)]).toEqual([true, true])
    await log.close()
    expect(contents(folder)).toBe("before\nin two parts\nbehind it\n")
  })

  it("answers a decision within the bound, a reward not, and writes both in the end", async () => {
    const { folder, log, disk } = await openLog({ answerWithinMs: 5 })
    const release = disk.hang("write")
    const decision = log.append("decision").answered
    const reward = written(log.append("reward"))
    expect(await decision).toBe(false)
    const later = log.append("later").answered
    expect(await later).toBe(false)
    expect(contents(folder)).toBe("")
    release()
    expect(await reward).toBe(true)
    await log.close()
    expect(contents(folder)).toBe("decision\nreward\nlater\n")
    expect(log.counts).toMatchObject({ lateLines: 3, droppedLines: 0, appendedLines: 3 })
  })

  it("drops what passes the backlog and counts it to the line", async () => {
    const { folder, log, disk } = await openLog({ answerWithinMs: 1, maxBacklogBytes: 100 })
    const release = disk.hang("write")
    const answers = Array.from({ length: 30 }, (_, index) => written(log.append(`line ${String(index).padStart(4)}`)))
    release()
    const kept = (await Promise.all(answers)).filter(Boolean).length
    expect(kept).toBe(10)
    expect(log.counts).toMatchObject({ appendedLines: 10, droppedLines: 20 })
    await log.close()
    expect(contents(folder).split("\n")).toHaveLength(11)
  })
})

describe("given a device that fails to sync", () => {
  it("takes what wasn't durable into a new file and syncs that", async () => {
    const { folder, log, disk, durable } = await openLog()
    await log.append("durable").answered
    await log.sync()
    await log.append("in doubt").answered
    disk.failOnce("datasync", "EIO")
    await log.sync()
    await log.append("after").answered
    await log.close()
    expect(readFileSync(join(folder, "outcomes-00000001.ndjson"), "utf8")).toBe("durable\n")
    expect(readFileSync(join(folder, "outcomes-00000002.ndjson"), "utf8")).toBe("in doubt\nafter\n")
    expect(new Set(disk.synced).size).toBe(2)
    expect(log.counts).toMatchObject({ syncErrors: 1, droppedLines: 0, appendedLines: 3 })
    expect(durable.map(({ file, offset }) => [file, offset])).toEqual([
      [1, 8],
      [2, 9],
      [2, 15],
    ])
  })

  it("refuses while it can't, and never takes a failed sync for done", async () => {
    const { folder, log, disk } = await openLog()
    await log.append("in doubt").answered
    disk.fail("datasync", "EIO")
    disk.fail("truncate", "EIO")
    await expect(log.sync()).rejects.toMatchObject({ code: "log_unavailable" })
    await expect(log.sync()).rejects.toMatchObject({ code: "log_unavailable" })
    expect(await log.append("lost").answered).toBe(false)
    disk.heal()
    await log.sync()
    expect(await log.append("after").answered).toBe(true)
    await log.close()
    expect(contents(folder)).toBe("in doubt\nafter\n")
  })

  it("keeps what it salvaged when the new file can't be made or written at first", async () => {
    const { folder, log, disk } = await openLog()
    await log.append("in doubt").answered
    disk.failOnce("datasync", "EIO")
    disk.failOnce("open", "ENOSPC")
    await expect(log.sync()).rejects.toMatchObject({ code: "log_unavailable" })
    disk.failOnce("write", "ENOSPC")
    await expect(log.sync()).rejects.toMatchObject({ code: "log_unavailable" })
    await log.sync()
    await log.close()
    expect(contents(folder)).toBe("in doubt\n")
  })

  it.each(["open", "write", "truncate", "rename", "syncFolder"] as const)(
    "has every answered line once when the process ends at %s on the way to the new file",
    async (operation) => {
      const { folder, log, disk } = await openLog()
      await log.append("durable").answered
      await log.sync()
      expect(await log.append("in doubt").answered).toBe(true)
      disk.failOnce("datasync", "EIO")
      disk.fail(operation, "EIO")
      await expect(log.sync()).rejects.toMatchObject({ code: "log_unavailable" })
      const next = await openLog({ folder })
      expect(await next.log.append("after").answered).toBe(true)
      await next.log.close()
      expect(contents(folder)).toBe("durable\nin doubt\nafter\n")
      expect(readdirSync(folder).filter((name) => name.includes("salvage"))).toEqual([])
    },
  )

  it("takes the lines from the old file when writing them aside was cut short", async () => {
    const { folder, log, disk } = await openLog()
    await log.append("in doubt").answered
    disk.failOnce("datasync", "EIO")
    disk.writePartially(3)
    disk.fail("write", "ENOSPC")
    await expect(log.sync()).rejects.toMatchObject({ code: "log_unavailable" })
    await (await openLog({ folder })).log.close()
    expect(contents(folder)).toBe("in doubt\n")
  })
})

it("refuses to open where it can't", async () => {
  const folder = join(temporaryFolder(), "file")
  writeFileSync(folder, "not a folder")
  await expect(openLog({ folder })).rejects.toMatchObject({ code: "log_unavailable" })
})

it("rejects closing when the last lines can't be made durable", async () => {
  const { log, disk } = await openLog()
  await log.append("a").answered
  disk.fail("datasync", "EIO")
  await expect(log.close()).rejects.toMatchObject({ code: "log_unavailable" })
})
