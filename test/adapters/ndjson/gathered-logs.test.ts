import { execFile } from "node:child_process"
import { createReadStream, createWriteStream, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { createGzip, gzipSync } from "node:zlib"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { readCopiedLines } from "#src/adapters/ndjson/copied-lines.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { isAfter } from "#src/domain/log-position.ts"
import type { CopiedLog, LogRun } from "#src/ports/copied-log.ts"
import type { OutcomeReader } from "#src/ports/outcome-reader.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { gather, LOG, lineOf, OTHER_LOG, shippedLines, writeLog } from "./shipped-lines.ts"

async function linesIn(reader: OutcomeReader): Promise<string[]> {
  const all: string[] = []
  for await (const { lines } of reader.read(undefined, undefined)) all.push(...lines)
  return all
}

async function eventsIn(reader: OutcomeReader): Promise<string[]> {
  return (await linesIn(reader)).filter((line) => line.startsWith('{"v":1,'))
}

async function logsOf(lines: readonly string[], linesAtOnce?: number): Promise<CopiedLog[]> {
  return await (await gather(lines, linesAtOnce)).logs()
}

/** The only run of the only log. */
async function wholeRun(lines: readonly string[], linesAtOnce?: number): Promise<LogRun> {
  const [log, ...others] = await logsOf(lines, linesAtOnce)
  expect([others.length, log?.runs.length, log?.contradiction]).toEqual([0, 1, undefined])
  const run = log?.runs[0]
  if (run === undefined) throw new Error("there is no run")
  return run
}

/** A folder with a log of three files. */
function threeFiles(): string {
  const folder = temporaryFolder()
  const ids = Array.from({ length: 30 }, (_, index) => `D${"x".repeat(index % 5)}${index}`)
  writeLog(
    folder,
    [ids.slice(0, 12), ids.slice(12, 13), ids.slice(13)].map((file) => file.map(lineOf)),
  )
  return folder
}

describe("given all lines of a log", () => {
  it("is the log itself, in whatever order they come, however often and in whatever chunks", async () => {
    const folder = threeFiles()
    const shipped = await shippedLines(folder, 1_000)
    const original = createOutcomeReader(folder)
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(shipped, { minLength: shipped.length }),
        fc.array(fc.constantFrom(...shipped)),
        fc.integer({ min: 1, max: 40 }),
        async (all, again, linesAtOnce) => {
          const { begin, end, reader } = await wholeRun([...again, ...all], linesAtOnce)
          expect(begin).toBeUndefined()
          expect(end).toEqual(await original.end())
          expect(await linesIn(reader)).toEqual(await linesIn(original))
          expect(await reader.reaches(end)).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })

  it("has each place between two lines, and none within one", async () => {
    const folder = threeFiles()
    const original = createOutcomeReader(folder, 500)
    const { reader } = await wholeRun(await shippedLines(folder))
    for await (const { end } of original.read(undefined, undefined)) {
      expect(await reader.reaches(end)).toBe(true)
      expect(await reader.reaches({ ...end, hash: "another" })).toBe(false)
      expect(await reader.reaches({ ...end, offset: end.offset - 1 })).toBe(false)
      const read: string[] = []
      for await (const { lines } of reader.read(end, undefined)) read.push(...lines)
      const after: string[] = []
      for await (const { lines } of original.read(end, undefined)) after.push(...lines)
      expect(read).toEqual(after)
    }
  })

  it("takes damage between two events for one damaged line", async () => {
    const folder = temporaryFolder()
    writeLog(folder, [
      ["damaged", lineOf("D1"), "damaged", "x", lineOf("D2")],
      ["damaged", lineOf("D3"), "damaged"],
    ])
    const { end, reader } = await wholeRun(await shippedLines(folder))
    expect(await eventsIn(reader)).toEqual(["D1", "D2", "D3"].map(lineOf))
    expect(await linesIn(reader)).toHaveLength(5)
    expect(end).toMatchObject({ file: 2, offset: `damaged\n${lineOf("D3")}\n`.length })
  })

  it("has one log for each id that it went by, each from its beginning", async () => {
    const folder = temporaryFolder()
    const since = { file: 1, offset: lineOf("D1").length + 1, hash: "" }
    writeLog(
      folder,
      [["D1", "D2"].map(lineOf), ["D3"].map(lineOf)],
      [
        { id: LOG, since: undefined },
        { id: OTHER_LOG, since },
      ],
    )
    const logs = await logsOf((await shippedLines(folder)).toReversed())
    const read = await Promise.all(
      logs
        .toSorted((a, b) => (a.id < b.id ? -1 : 1))
        .map(async ({ id, runs }) => [
          id,
          runs.length,
          runs[0]?.begin,
          await Promise.all(runs.map((run) => linesIn(run.reader))),
        ]),
    )
    expect(read).toEqual([
      [LOG, 1, undefined, [[lineOf("D1")]]],
      [OTHER_LOG, 1, undefined, [["D2", "D3"].map(lineOf)]],
    ])
  })
})

describe("given some of the lines", () => {
  it("is in runs with something missing between each two", async () => {
    const folder = threeFiles()
    const shipped = await shippedLines(folder)
    const flags = fc.array(fc.boolean(), { minLength: shipped.length, maxLength: shipped.length })
    await fc.assert(
      fc.asyncProperty(flags, fc.integer({ min: 1, max: 40 }), async (kept, linesAtOnce) => {
        fc.pre(kept.includes(true))
        const lines = shipped.filter((_, index) => kept[index])
        const [log] = await logsOf(lines.toReversed(), linesAtOnce)
        const expected: string[][] = []
        for (const [index, line] of (await linesIn(createOutcomeReader(folder))).entries()) {
          if (kept[index] && index > 0 && kept[index - 1]) expected.at(-1)?.push(line)
          else if (kept[index]) expected.push([line])
        }
        const runs = log?.runs ?? []
        expect(await Promise.all(runs.map(({ reader }) => linesIn(reader)))).toEqual(expected)
        expect(runs[0]?.begin === undefined).toBe(kept[0])
        const gaps = runs.slice(1).map(({ begin }, index) => begin !== undefined && isAfter(begin, runs[index]?.end))
        expect(gaps.every(Boolean)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it("knows by the next file that the last line of the one before is missing", async () => {
    const folder = threeFiles()
    const shipped = await shippedLines(folder)
    // The last line of the first file.
    const [log] = await logsOf(shipped.toSpliced(11, 1))
    expect(log?.runs).toHaveLength(2)
    expect(log?.runs[1]?.begin?.file).toBe(1)
  })
})

describe("given lines that are of no log, or not as they were", () => {
  it("counts those without a place and damaged ones, and takes the others", async () => {
    const folder = threeFiles()
    const shipped = await shippedLines(folder)
    const damaged = shipped[3]?.replace('"v":1,', '"v":1,,') ?? ""
    const gathered = await gather(["", "foreign", lineOf("D1"), '{"log":"x"}', damaged, ...shipped])
    expect(gathered).toMatchObject({ unplacedLines: 3, damagedLines: 1 })
    expect((await gathered.logs())[0]?.runs).toHaveLength(1)
    const without = await gather([damaged, ...shipped.toSpliced(3, 1)])
    expect((await without.logs())[0]?.runs).toHaveLength(2)
    expect((await gather(["foreign"])).isEmpty).toBe(true)
  })

  it.each([1, 100])("has no run of a log of which two lines differ, in chunks of %s", async (linesAtOnce) => {
    const shipped = await shippedLines(threeFiles())
    const other = shipped[3]?.replace('"revision":1', '"revision":2') ?? ""
    const longer = shipped[3]?.replace('"revision":1', '"revision":10') ?? ""
    for (const line of [other, longer]) {
      const [log] = await logsOf([...shipped, line], linesAtOnce)
      expect([log?.runs, log?.contradiction?.file]).toEqual([[], 1])
    }
  })

  it("has no run of a log whose file goes on where another line says that it ended", async () => {
    const folder = threeFiles()
    const shipped = await shippedLines(folder)
    const moved = shipped[12]?.replace(/:1:\d+"\}$/, ':1:100"}') ?? ""
    const [log] = await logsOf(shipped.with(12, moved))
    expect(log?.contradiction).toEqual({ file: 1, offset: 100 })
  })
})

describe("given files of copies", () => {
  const linesOf = async (path: string) => {
    const parts: string[] = []
    for await (const lines of readCopiedLines(path)) parts.push(lines.toString())
    return parts.join("")
  }

  it("reads JSON lines, plain or in several gzipped parts, and ends the last line", async () => {
    const path = join(temporaryFolder(), "copy")
    writeFileSync(path, "one\ntwo")
    expect(await linesOf(path)).toBe("one\ntwo\n")
    writeFileSync(path, Buffer.concat([gzipSync("one\n"), gzipSync("two\n")]))
    expect(await linesOf(path)).toBe("one\ntwo\n")
    writeFileSync(path, "")
    expect(await linesOf(path)).toBe("")
  })

  it("reads what is larger than a chunk, and leaves out what is longer than a line may be", async () => {
    const folder = temporaryFolder()
    const [path, gzipped] = [join(folder, "copy"), join(folder, "copy.gz")]
    const text = `${"x".repeat(3 << 20)}\n${"y".repeat(20 << 20)}\nz\n`
    writeFileSync(path, text)
    const read = await linesOf(path)
    expect(read.startsWith(`${"x".repeat(3 << 20)}\n`)).toBe(true)
    expect(read.endsWith("\nz\n")).toBe(true)
    expect(read.length).toBeLessThan(text.length - (8 << 20))
    await pipeline(createReadStream(path), createGzip(), createWriteStream(gzipped))
    expect((await linesOf(gzipped)).endsWith("\nz\n")).toBe(true)
  })

  it("says which file is cut off, or of another kind", async () => {
    const path = join(temporaryFolder(), "copy.gz")
    writeFileSync(path, gzipSync("one\n".repeat(1_000)).subarray(0, 30))
    await expect(linesOf(path)).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining(path),
    })
    writeFileSync(path, "PAR1 and more")
    await expect(linesOf(path)).rejects.toThrow("is Parquet, which doesn't keep lines as they were")
    await expect(linesOf("/nowhere")).rejects.toMatchObject({ code: "config_invalid" })
  })
})

it("keeps no lines in memory: twice 200,000 of two logs take as much in the end as after a fifth", {
  timeout: 300_000,
}, async () => {
  const script = fileURLToPath(new URL("gather-many.ts", import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--expose-gc",
    "--max-old-space-size=64",
    script,
    "200000",
    "2",
  ])
  const { events, runs, logBytes, grownBytes } = JSON.parse(stdout)
  expect([events, runs]).toEqual([200_000, 2])
  expect(logBytes).toBeGreaterThan(90 << 20)
  expect(grownBytes).toBeLessThan(4 << 20)
})
