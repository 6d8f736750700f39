import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { LogFile } from "#src/adapters/ndjson/log-file.ts"
import { logFile } from "#src/adapters/ndjson/log-files.ts"
import { createLogSegments } from "#src/adapters/ndjson/log-segments.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { FaultyDisk } from "./faulty-disk.ts"

const SALVAGE_STEPS = ["open", "write", "truncate", "rename", "syncFolder"] as const

function bytesOf(line: string): Uint8Array {
  return Buffer.from(`${line}\n`)
}

async function openFile(maxBytes: number, folder = temporaryFolder()) {
  const disk = new FaultyDisk()
  const log = await LogFile.open(disk, folder, maxBytes)
  return { folder, disk, log, append: (line: string) => log.append(bytesOf(line)) }
}

function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder).sort()
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), "utf8")]))
}

function linesOf(folder: string): string[] {
  const text = Object.values(contents(folder)).join("")
  return text.split("\n").slice(0, -1)
}

/** Two lines in the first file, of which one is durable, and a third in the next. */
async function openBetweenTwo() {
  const opened = await openFile(17)
  await opened.append("durable")
  await opened.log.sync()
  await opened.append("in doubt")
  await opened.append("behind")
  expect(opened.log.end).toEqual({ file: 2, offset: 7 })
  return opened
}

describe("given a file that is nearly full", () => {
  it("makes the next one, which readers don't see while it is empty", async () => {
    const { folder, log, append } = await openFile(16)
    await append("1234567890123")
    await expect.poll(() => readdirSync(folder)).toHaveLength(2)
    const reader = createOutcomeReader(folder)
    const segments = createLogSegments(folder)
    expect(await reader.end()).toMatchObject({ file: 1, offset: 14 })
    expect(await segments.list()).toMatchObject([{ file: 1, bytes: 14, newestAt: undefined }])
    await append("x")
    expect(await reader.end()).toMatchObject({ file: 1, offset: 16 })
    await append("y")
    expect(await reader.end()).toMatchObject({ file: 2, offset: 2 })
    expect(await segments.list()).toMatchObject([
      { file: 1, bytes: 16 },
      { file: 2, bytes: 2 },
    ])
    await log.close()
  })

  it("takes half a line there for one that is being written, and for damage when the next file has lines", async () => {
    const folder = temporaryFolder()
    const read = async () => {
      const all: string[] = []
      for await (const { lines } of createOutcomeReader(folder).read(undefined, undefined)) all.push(...lines)
      return all
    }
    writeFileSync(logFile(folder, 1), "a\nhal")
    writeFileSync(logFile(folder, 2), "")
    expect(await read()).toEqual(["a"])
    writeFileSync(logFile(folder, 2), "b\n")
    expect(await read()).toEqual(["a", "", "b"])
  })

  it("changes to the next without asking the device for anything but the write", async () => {
    const { folder, disk, log, append } = await openFile(8)
    await append("1234567")
    await expect.poll(() => log.appendNow(bytesOf("8"))).toBe(true)
    expect(contents(folder)).toMatchObject({ "outcomes-00000002.ndjson": "8\n" })
    const release = disk.hang("datasync")
    const synced = log.sync()
    expect(log.appendNow(bytesOf("9"))).toBe(true)
    expect(log.end).toEqual({ file: 2, offset: 4 })
    release()
    await synced
    await log.close()
  })

  it("goes on in it, and makes the next when that can be done again", async () => {
    const { folder, disk, log, append } = await openFile(8)
    disk.fail("open", "EMFILE")
    await append("1234567")
    await expect(append("refused")).rejects.toMatchObject({ code: "EMFILE" })
    disk.heal()
    await append("8")
    expect(contents(folder)).toEqual({
      "outcomes-00000001.ndjson": "1234567\n",
      "outcomes-00000002.ndjson": "8\n",
    })
    await log.close()
  })

  it("uses no file whose name is not durable", async () => {
    const { folder, disk, log, append } = await openFile(8)
    disk.fail("syncFolder", "EIO")
    await append("1234567")
    await expect(append("refused")).rejects.toMatchObject({ code: "EIO" })
    disk.heal()
    await append("8")
    expect(linesOf(folder)).toEqual(["1234567", "8"])
    await log.close()
  })
})

describe("given a change of file", () => {
  it("syncs the old file before the new one, and calls nothing in the new one durable before", async () => {
    const { folder, disk, log } = await openBetweenTwo()
    const release = disk.hang("datasync")
    const synced = log.sync()
    expect(log.durable).toMatchObject({ file: 1, offset: 8 })
    disk.durableBytes.clear()
    release()
    await synced
    expect(log.durable).toMatchObject({ file: 2, offset: 7 })
    expect(await createOutcomeReader(folder).reaches(log.durable)).toBe(true)
    expect([...disk.durableBytes].map(([path, bytes]) => [basename(path), bytes])).toEqual([
      ["outcomes-00000001.ndjson", 17],
      ["outcomes-00000002.ndjson", 7],
    ])
    await log.close()
  })

  it("waits with the next change for the sync of the file before", async () => {
    const { folder, disk, append, log } = await openBetweenTwo()
    await append("filling it")
    const release = disk.hang("datasync")
    const third = append("third")
    await new Promise(setImmediate)
    expect(log.end).toEqual({ file: 2, offset: 18 })
    release()
    await third
    expect(log.end).toEqual({ file: 3, offset: 6 })
    await log.close()
    expect(linesOf(folder)).toEqual(["durable", "in doubt", "behind", "filling it", "third"])
  })

  it("syncs both files at the next start after a kill", async () => {
    const { folder } = await openBetweenTwo()
    const { disk, log } = await openFile(17, folder)
    expect([...disk.durableBytes.values()]).toEqual([17, 7])
    expect(log.durable).toMatchObject({ file: 2, offset: 7 })
    await log.close()
  })

  it("takes what is in doubt of both files into a new one when the old file fails to sync", async () => {
    const { folder, disk, log, append } = await openBetweenTwo()
    disk.failOnce("datasync", "EIO")
    await expect(log.sync()).rejects.toMatchObject({ code: "EIO" })
    expect(log.appendNow(bytesOf("after"))).toBe(false)
    await append("after")
    expect(log.durable).toMatchObject({ file: 1, offset: 8 })
    await log.sync()
    expect(log.durable).toMatchObject({ file: 3, offset: 22 })
    expect(contents(folder)).toMatchObject({
      "outcomes-00000001.ndjson": "durable\n",
      "outcomes-00000002.ndjson": "",
      "outcomes-00000003.ndjson": "in doubt\nbehind\nafter\n",
    })
    await log.close()
  })

  it.each(SALVAGE_STEPS)(
    "has every line once when the old file fails to sync and the process ends at %s",
    async (operation) => {
      const { folder, disk, log, append } = await openBetweenTwo()
      disk.failOnce("datasync", "EIO")
      await expect(log.sync()).rejects.toMatchObject({ code: "EIO" })
      disk.fail(operation, "EIO")
      await expect(append("refused")).rejects.toMatchObject({ code: "EIO" })
      const next = await openFile(17, folder)
      await next.append("after")
      await next.log.close()
      expect(linesOf(folder)).toEqual(["durable", "in doubt", "behind", "after"])
      expect(readdirSync(folder).filter((name) => name.includes("salvage"))).toEqual([])
    },
  )

  it("finishes at the next start when the process ended between cutting the old file and emptying the new one", async () => {
    const folder = temporaryFolder()
    writeFileSync(logFile(folder, 1), "durable\n")
    writeFileSync(logFile(folder, 2), "behind\n")
    writeFileSync(`${logFile(folder, 2)}.salvage-8`, "in doubt\nbehind\n")
    await (await openFile(17, folder)).log.close()
    expect(contents(folder)).toEqual({
      "outcomes-00000001.ndjson": "durable\n",
      "outcomes-00000002.ndjson": "",
      "outcomes-00000003.ndjson": "in doubt\nbehind\n",
    })
  })

  it("empties nothing for what was written aside long ago", async () => {
    const folder = temporaryFolder()
    for (const number of [1, 2, 3]) writeFileSync(logFile(folder, number), "durable\n")
    writeFileSync(`${logFile(folder, 2)}.salvage-8`, "in doubt\n")
    await (await openFile(17, folder)).log.close()
    expect(linesOf(folder)).toEqual(["durable", "durable", "durable"])
  })
})

type Step =
  | { readonly kind: "append" | "append now" | "sync" | "kill" }
  | { readonly kind: "fails"; readonly operation: (typeof SALVAGE_STEPS)[number] | "datasync" }

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("append" as const, "append now" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("sync" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("kill" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("fails" as const),
      operation: fc.constantFrom(...SALVAGE_STEPS, "datasync" as const),
    }),
  },
)

/** @returns whether the line is in the log */
async function appended(log: LogFile, line: string, now: boolean): Promise<boolean> {
  try {
    if (!now || !log.appendNow(bytesOf(line))) await log.append(bytesOf(line))
    return true
  } catch {
    return false
  }
}

/** The process does nothing more, and what it had begun fails. */
async function kill(disk: FaultyDisk, log: LogFile): Promise<void> {
  for (const operation of [...SALVAGE_STEPS, "datasync"] as const) disk.fail(operation, "EIO")
  await log.close()
}

it("has every appended line once and in order, through failures of every step and kills", async () => {
  expect.hasAssertions()
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 60 }), async (steps) => {
      const folder = temporaryFolder()
      const expected: string[] = []
      let { disk, log } = await openFile(30, folder)
      for (const [serial, step] of steps.entries()) {
        const line = `line ${serial}`
        if (step.kind === "fails") disk.failOnce(step.operation, "EIO")
        else if (step.kind === "sync") await Promise.allSettled([log.sync()])
        else if (step.kind === "kill") {
          await kill(disk, log)
          ;({ disk, log } = await openFile(30, folder))
        } else if (await appended(log, line, step.kind === "append now")) expected.push(line)
        const isDurable = [...disk.durableBytes].some(
          ([path, bytes]) => path === logFile(folder, log.durable.file) && bytes >= log.durable.offset,
        )
        expect(isDurable || log.durable.offset === 0).toBe(true)
      }
      await kill(disk, log)
      const last = await openFile(30, folder)
      await last.log.close()
      expect(linesOf(folder)).toEqual(expected)
    }),
    { numRuns: 150 },
  )
})
