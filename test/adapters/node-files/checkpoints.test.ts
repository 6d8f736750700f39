import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import { expect, it } from "vitest"
import { createCheckpointFiles } from "#src/adapters/node-files/checkpoints.ts"
import { type CounterContents, encodeContents } from "#src/domain/counter-contents.ts"
import { parseOutcomeLine } from "#src/domain/outcome-line.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const WATERMARK = { file: 3, offset: 40, hash: "abc" }
const HEAD = { logs: [{ log: "L1", watermark: WATERMARK }] as const, foldedTo: 5_000 }
const PLACE = { experiment: "a", variant: "v", series: 1, metric: "click" }
const ROW = { epoch: 1, hour: 3_600, widthSeconds: 3_600 }
const CONTENTS: CounterContents = {
  positions: [{ experiment: "a", log: "L1", position: WATERMARK }],
  cells: [{ ...PLACE, cohort: "learned", bucket: 3_600, widthSeconds: 60, count: 2, sum: 2n ** 60n + 1n, sumSq: -1n }],
  groups: [
    { ...PLACE, ...ROW, group: 0, count: 1, sum: 1n, sumSq: 2n, weighted: 3n, allocated: 4n },
    { ...PLACE, ...ROW, group: 63, count: 2, sum: 2n ** 60n + 1n, sumSq: 0n, weighted: 0n, allocated: 0n },
    { ...PLACE, ...ROW, hour: 7_200, group: 63, count: 3, sum: 0n, sumSq: 0n, weighted: 0n, allocated: 0n },
  ],
  sketches: [{ experiment: "a", variant: "v", series: 1, day: 0, sketch: Uint8Array.of(0, 7, 255) }],
}
const REVISION = parseOutcomeLine(
  JSON.stringify({
    v: 1,
    type: "experiment",
    eventId: "e-a-1",
    at: "2026-11-20T12:00:00.000Z",
    experiment: "a",
    revision: 1,
    actor: "folder",
    source: "folder",
    models: {},
    lineage: { series: {}, epoch: 1, metrics: {} },
    diff: ["line\nbreak"],
    document: { id: "a" },
  }),
)

function given() {
  const folder = temporaryFolder()
  const logger = createRememberingLogger()
  const open = () => createCheckpointFiles(folder, logger)
  const files = join(folder, "checkpoints")
  const revisions = REVISION?.type === "experiment" ? [REVISION] : []
  const bytes = new TextEncoder().encode([...encodeContents(CONTENTS)].join("\n"))
  const write = () => open().write(HEAD, revisions, bytes)
  return { open, files, write, revisions, logger, path: (number: number) => join(files, `0000000${number}.json.gz`) }
}

it("gives back what was written, and keeps the newest two", async () => {
  const { open, files, write, revisions } = given()
  expect(await open().newest()).toBeUndefined()
  expect(await open().list()).toEqual([])
  for (const number of [1, 2, 3]) expect(await write()).toEqual({ number, ...HEAD })
  expect(readdirSync(files)).toEqual(["00000002.json.gz", "00000003.json.gz"])
  expect(await open().newest()).toEqual({ number: 3, ...HEAD, revisions, contents: CONTENTS })
  expect(await open().list()).toEqual([
    { number: 3, ...HEAD },
    { number: 2, ...HEAD },
  ])
})

it("keeps the marks of every thread's log, and reads what a single one has written", async () => {
  const { open, revisions, path } = given()
  const bytes = new TextEncoder().encode([...encodeContents(CONTENTS)].join("\n"))
  const logs = [...HEAD.logs, { log: "L2", watermark: { ...WATERMARK, file: 9 } }] as const
  await open().write({ ...HEAD, logs }, revisions, bytes)
  expect(await open().list()).toEqual([{ number: 1, ...HEAD, logs }])
  change(path(1), /,"others":.*\]/, "")
  expect(await open().list()).toEqual([{ number: 1, ...HEAD }])
  expect(gunzipSync(readFileSync(path(1))).toString()).toContain('"log":"L1","watermark":{"file":3')
  change(path(1), '"foldedTo"', '"others":[{"log":"L2"}],"foldedTo"')
  expect(await open().list()).toEqual([])
})

it.each([
  ["cut off", (path: string) => truncateSync(path, 60)],
  ["empty", (path: string) => truncateSync(path, 0)],
  ["something else", (path: string) => writeFileSync(path, "{}")],
  ["of a later version", (path: string) => change(path, '"v":1', '"v":2')],
  [
    "changed by a single bit",
    (path: string) => {
      const bytes = readFileSync(path)
      bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1
      writeFileSync(path, bytes)
    },
  ],
])("falls back to the one before where the newest is %s, and says so", async (_, damage) => {
  const { open, write, path, logger } = given()
  await write()
  await write()
  damage(path(2))
  expect(await open().newest()).toMatchObject({ number: 1 })
  expect(await open().list()).toEqual([{ number: 1, ...HEAD }])
  expect(logger.messages.join()).toContain("an older one is used where there is one")
})

it.each([
  ["lack their last line", /\n[^\n]*$/, ""],
  ["lack a line", /\{"cell.*\n/, ""],
  ["have a line of another kind", '"cell"', '"smell"'],
  ["have a line that is no JSON", '{"cell"', '{"cell'],
])("falls back to the one before where the contents of the newest %s", async (_, from, to) => {
  const { open, write, path } = given()
  await write()
  await write()
  change(path(2), from, to)
  expect(await open().newest()).toMatchObject({ number: 1 })
})

it("keeps one that can be read when the next is written, not a damaged one", async () => {
  const { open, files, write, path } = given()
  await write()
  await write()
  truncateSync(path(2), 60)
  await write()
  expect(readdirSync(files)).toEqual(["00000001.json.gz", "00000003.json.gz"])
  expect((await open().list()).map(({ number }) => number)).toEqual([3, 1])
})

it("remembers nothing of those that it has deleted: one that is put back under such a number is read", async () => {
  const { open, revisions, files, path } = given()
  const checkpoints = open()
  for (let number = 1; number <= 3; number++) await checkpoints.write(HEAD, revisions, new Uint8Array(0))
  writeFileSync(path(1), readFileSync(path(3)))
  change(path(1), '"foldedTo":5000', '"foldedTo":7')
  expect(readdirSync(files)).toHaveLength(3)
  expect((await checkpoints.list()).map(({ number, foldedTo }) => [number, foldedTo])).toEqual([
    [3, 5_000],
    [2, 5_000],
    [1, 7],
  ])
})

it("takes no notice of what a killed process left half written", async () => {
  const { open, files, write } = given()
  mkdirSync(files)
  writeFileSync(join(files, "00000001.json.gz.new"), "half")
  expect(await open().newest()).toBeUndefined()
  expect(await write()).toMatchObject({ number: 1 })
})

it("remembers across processes that a store is being made anew", async () => {
  const { open } = given()
  expect(await open().isRestoring()).toBe(false)
  await open().setRestoring(true)
  expect(await open().isRestoring()).toBe(true)
  await open().setRestoring(false)
  await open().setRestoring(false)
  expect(await open().isRestoring()).toBe(false)
})

function change(path: string, from: string | RegExp, to: string): void {
  writeFileSync(path, gzipSync(gunzipSync(readFileSync(path)).toString("utf8").replace(from, to)))
}
