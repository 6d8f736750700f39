import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { lineHash } from "#src/adapters/ndjson/line-hash.ts"
import { openOutcomeLog } from "#src/adapters/ndjson/outcome-log.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { parseOutcomeLine } from "#src/domain/outcome-line.ts"
import { decisionEvent, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const MEBIBYTE = 1 << 20

async function readAll(folder: string): Promise<string[]> {
  const all: string[] = []
  for await (const { lines } of createOutcomeReader(folder).read(undefined, undefined)) all.push(...lines)
  return all
}

function file(folder: string, number: number, text: string | Uint8Array): void {
  writeFileSync(join(folder, `outcomes-${String(number).padStart(8, "0")}.ndjson`), text)
}

describe("given a folder without a log", () => {
  it("reads nothing", async () => {
    const folder = join(temporaryFolder(), "none")
    expect(await readAll(folder)).toEqual([])
    expect(await createOutcomeReader(folder).end()).toBeUndefined()
    expect(await createOutcomeReader(folder).reaches({ file: 1, offset: 0, hash: "" })).toBe(false)
  })
})

describe("given several files", () => {
  it("reads them in order of their numbers, also where one is missing", async () => {
    const folder = temporaryFolder()
    file(folder, 10, "c\n")
    file(folder, 2, "a\nb\n")
    expect(await readAll(folder)).toEqual(["a", "b", "c"])
  })

  it("takes part of a line at the end of an earlier file for damage, and of the last for not yet written", async () => {
    const folder = temporaryFolder()
    file(folder, 1, "a\ntor")
    file(folder, 2, "b\ntor")
    expect(await readAll(folder)).toEqual(["a", "", "b"])
  })

  it("doesn't reach a position in the middle of a line", async () => {
    const folder = temporaryFolder()
    file(folder, 1, "abc\n")
    const reader = createOutcomeReader(folder)
    expect(await reader.reaches({ file: 1, offset: 2, hash: lineHash("abc") })).toBe(false)
    expect(await reader.reaches({ file: 1, offset: 4, hash: lineHash("abc") })).toBe(true)
    expect(await reader.reaches({ file: 1, offset: 4, hash: lineHash("abd") })).toBe(false)
  })
})

describe("given a log whose first files were deleted", () => {
  it("says where it begins, and goes on there from a place that is gone", async () => {
    const folder = temporaryFolder()
    file(folder, 3, "c\nd\n")
    file(folder, 4, "e\n")
    const reader = createOutcomeReader(folder)
    expect(await reader.begin()).toEqual({ file: 3, offset: 0, hash: "" })
    expect(await reader.reaches({ file: 1, offset: 2, hash: lineHash("a") })).toBe(false)
    const read = async (from: number | undefined, until?: number): Promise<string[]> => {
      const all: string[] = []
      const place = (number: number) => ({ file: number, offset: 2, hash: "" })
      const lines = reader.read(
        from === undefined ? undefined : place(from),
        until === undefined ? until : place(until),
      )
      for await (const chunk of lines) all.push(...chunk.lines)
      return all
    }
    expect(await read(1)).toEqual(["c", "d", "e"])
    expect(await read(undefined)).toEqual(["c", "d", "e"])
    expect(await read(1, 2)).toEqual([])
    expect(await read(2, 3)).toEqual(["c"])
  })

  it("goes on under the id whose beginning is gone", async () => {
    const folder = temporaryFolder()
    file(folder, 3, "c\n")
    const since = { file: 1, offset: 2, hash: lineHash("a") }
    const spans = [
      { id: "old", since: undefined },
      { id: "new", since },
    ]
    writeFileSync(join(folder, "log.json"), JSON.stringify({ v: 1, spans }))
    const log = await openOutcomeLog({ folder, logger: createRememberingLogger(), answerWithinMs: 60_000 })
    expect(log).toMatchObject({ id: "new", since })
    log.append("d")
    await log.close()
    expect(await readAll(folder)).toEqual(["c", "d"])
    expect(await createOutcomeReader(folder).spans()).toEqual(spans)
  })

  it("reads on where a file goes while it reads", async () => {
    const folder = temporaryFolder()
    file(folder, 1, "a\n")
    file(folder, 2, "b\n")
    file(folder, 3, "c\n")
    const lines: string[] = []
    for await (const chunk of createOutcomeReader(folder).read(undefined, undefined)) {
      lines.push(...chunk.lines)
      rmSync(join(folder, "outcomes-00000002.ndjson"), { force: true })
    }
    expect(lines).toEqual(["a", "c"])
  })
})

describe("given more than fits into one chunk", () => {
  it("puts lines together again across chunks, characters of several bytes included", async () => {
    const folder = temporaryFolder()
    const lines = Array.from({ length: 40 }, (_, index) => `${index}${"☃".repeat(20_000 + index)}`)
    file(folder, 1, `${lines.join("\n")}\n`)
    expect(await readAll(folder)).toEqual(lines)
  })

  it("skips a run without line feeds that no event is as long as", async () => {
    const folder = temporaryFolder()
    file(folder, 1, `a\n${"x".repeat(20 * MEBIBYTE)}\nb\n`)
    const lines = await readAll(folder)
    expect(lines.map((line) => line.length)).toEqual([1, 0, 1])
  })
})

it("opens, skips and counts whatever is done to the bytes, and reads what comes after", async () => {
  const events = Array.from({ length: 20 }, (_, index) =>
    index % 2 === 0 ? decisionEvent({ decisionId: `D${index}` }) : rewardEvent({ decisionId: `D${index - 1}` }),
  )
  const whole = Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(""))
  const mutation = fc.oneof(
    fc.record({ kind: fc.constant("truncate" as const), at: fc.nat(whole.length) }),
    fc.record({
      kind: fc.constant("flip" as const),
      at: fc.nat(whole.length - 1),
      bits: fc.integer({ min: 1, max: 255 }),
    }),
    fc.record({
      kind: fc.constant("insert" as const),
      at: fc.nat(whole.length),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 50 }),
    }),
  )
  const root = temporaryFolder()
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (mutations) => {
      let bytes = whole
      let damaged = 0
      for (const one of mutations) {
        const at = Math.min(one.at, bytes.length)
        if (one.kind === "truncate") bytes = bytes.subarray(0, at)
        else if (one.kind === "insert") bytes = Buffer.concat([bytes.subarray(0, at), one.bytes, bytes.subarray(at)])
        else if (at < bytes.length) {
          bytes = Buffer.from(bytes)
          bytes.writeUInt8(bytes.readUInt8(at) ^ one.bits, at)
        }
        damaged += 1
      }
      run += 1
      const folder = join(root, String(run))
      mkdirSync(folder)
      file(folder, 1, bytes)

      const log = await openOutcomeLog({ folder, logger: createRememberingLogger(), answerWithinMs: 60_000 })
      const after = decisionEvent({ decisionId: "after" })
      expect(await log.append(JSON.stringify(after)).answered).toBe(true)
      await log.close()

      const lines = await readAll(folder)
      const read = lines.map(parseOutcomeLine)
      expect(read.at(-1)).toEqual(after)
      const intact = new Set(events.map((event) => JSON.stringify(event)))
      const lost = intact.size - lines.filter((line) => intact.has(line)).length
      const truncated = mutations.some(({ kind }) => kind === "truncate")
      // A byte changed or put in reaches the line that it is in, and one more where it is a line feed.
      expect(lost).toBeLessThanOrEqual(truncated ? intact.size : 2 * damaged)
      rmSync(folder, { recursive: true })
    }),
    { numRuns: 150 },
  )
})
