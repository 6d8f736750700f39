import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { keepLogSpan } from "#src/adapters/ndjson/log-identity.ts"
import { openOutcomeLog } from "#src/adapters/ndjson/outcome-log.ts"
import { createPlacedReader } from "#src/adapters/ndjson/placed-reader.ts"
import { parseOutcomeLine } from "#src/domain/outcome-line.ts"
import { PLACE_BYTES, placeMember, readPlace } from "#src/domain/placed-line.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { LOG, lineOf, OTHER_LOG, shippedLines, writeLog } from "./shipped-lines.ts"

const LINE_BYTES = lineOf("D1").length + 1

/** What lines say of their places: log, file, end, and where the event before ended. */
function placesOf(lines: readonly string[]): string[] {
  return lines.map((line) => JSON.parse(line).log)
}

describe("given a log of several files", () => {
  it("says of each event where it ends, and of those that don't begin where the one before ends, where that is", async () => {
    const folder = temporaryFolder()
    writeLog(folder, [[lineOf("D1"), lineOf("D2")], [lineOf("D3")]])
    const lines = await shippedLines(folder, 300)
    expect(placesOf(lines)).toEqual([
      `${LOG}:1:${LINE_BYTES}:0:0`,
      `${LOG}:1:${2 * LINE_BYTES}`,
      `${LOG}:2:${LINE_BYTES}:1:${2 * LINE_BYTES}`,
    ])
    expect(lines.map((line) => parseOutcomeLine(line))).toEqual(
      ["D1", "D2", "D3"].map((id, index) => ({ ...JSON.parse(lineOf(id)), log: placesOf(lines)[index] })),
    )
  })

  it("leaves out damage between two events, and says nothing of what was before a file that is gone", async () => {
    const folder = temporaryFolder()
    writeLog(folder, [[lineOf("D1"), "damaged", "}", lineOf("D2"), "torn"], [""], [lineOf("D3")]])
    const second = 2 * LINE_BYTES + "damaged\n}\n".length
    for (const chunkBytes of [1 << 18, LINE_BYTES]) {
      expect(placesOf(await shippedLines(folder, chunkBytes))).toEqual([
        `${LOG}:1:${LINE_BYTES}:0:0`,
        `${LOG}:1:${second}:1:${LINE_BYTES}`,
        `${LOG}:3:${LINE_BYTES}:1:${second}`,
      ])
    }
    rmSync(join(folder, "outcomes-00000002.ndjson"))
    expect(placesOf(await shippedLines(folder)).at(-1)).toBe(`${LOG}:3:${LINE_BYTES}`)
  })

  it("takes part of a line at the end of a file for damage", async () => {
    const folder = temporaryFolder()
    writeLog(folder, [[lineOf("D1")], [lineOf("D2")]])
    writeFileSync(join(folder, "outcomes-00000001.ndjson"), `${lineOf("D1")}\n${lineOf("D9").slice(0, 50)}`)
    expect(placesOf(await shippedLines(folder)).at(-1)).toBe(`${LOG}:2:${LINE_BYTES}:1:${LINE_BYTES}`)
  })

  it("leaves lines as they are where the log has no id", async () => {
    const folder = temporaryFolder()
    writeLog(folder, [[lineOf("D1")]])
    rmSync(join(folder, "log.json"))
    expect(await shippedLines(folder)).toEqual([lineOf("D1")])
  })
})

it("names the id that the log went by at each line, also one that it took while it was read", async () => {
  const folder = temporaryFolder()
  const log = await openOutcomeLog({ folder, logger: createRememberingLogger() })
  log.append(lineOf("D1"))
  await log.sync()
  const reader = createPlacedReader(folder)
  const places: string[] = []
  const readFrom = async (from: Awaited<ReturnType<typeof reader.end>>) => {
    for await (const { lines } of reader.read(from, undefined)) places.push(...placesOf(lines))
    return await reader.end()
  }
  const end = await readFrom(undefined)
  const [first] = [log.id]
  await log.renew()
  log.append(lineOf("D2"))
  log.append(lineOf("D3"))
  await log.sync()
  await readFrom(end)
  expect(places).toEqual([
    `${first}:1:${LINE_BYTES}:0:0`,
    `${log.id}:1:${2 * LINE_BYTES}:0:0`,
    `${log.id}:1:${3 * LINE_BYTES}`,
  ])
  await log.close()
})

it("knows of an id that was written down, but of none for lines before it", async () => {
  const folder = temporaryFolder()
  writeLog(folder, [[lineOf("D1"), lineOf("D2")]], [{ id: LOG, since: { file: 1, offset: LINE_BYTES, hash: "" } }])
  await keepLogSpan(folder, { id: OTHER_LOG, since: { file: 1, offset: 2 * LINE_BYTES, hash: "" } })
  expect(placesOf((await shippedLines(folder)).slice(1))).toEqual([`${LOG}:1:${2 * LINE_BYTES}:0:0`])
  expect((await shippedLines(folder))[0]).toBe(lineOf("D1"))
})

describe("given the member that says a line's place", () => {
  it("reads what was written, of a line's last bytes", () => {
    const end = { file: 99_999_999, offset: 2 ** 49 }
    for (const after of [undefined, { file: 12_345_678, offset: 2 ** 48 }]) {
      const member = placeMember({ log: LOG, end, after })
      expect(member.length).toBeLessThan(PLACE_BYTES)
      expect(readPlace(`{"v":1${member}`)).toEqual({ place: { log: LOG, end, after }, length: member.length })
    }
  })

  it.each([
    lineOf("D1"),
    `{"v":1,"log":"${LOG}:1:2","more":1}`,
    `{"v":1,"log":"${LOG}:1:2:3"}`,
    `{"v":1,"log":"short:1:2"}`,
    `{"v":1,"log":"${LOG}:1:-2"}`,
  ])("reads none in %s", (line) => {
    expect(readPlace(line)).toBeUndefined()
  })
})
