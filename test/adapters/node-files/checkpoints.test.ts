import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import { expect, it } from "vitest"
import { createCheckpointFiles } from "#src/adapters/node-files/checkpoints.ts"
import { encodeContents } from "#src/domain/counter-contents.ts"
import { parseOutcomeLine } from "#src/domain/outcome-line.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const WATERMARK = { file: 3, offset: 40, hash: "abc" }
const HEAD = { log: "L1", watermark: WATERMARK, foldedTo: 5_000 }
const CONTENTS = {
  positions: [{ experiment: "a", log: "L1", position: WATERMARK }],
  cells: [],
  groups: [],
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
  const bytes = new TextEncoder().encode(encodeContents(CONTENTS))
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

it("falls back to the one before where the contents of the newest are none", async () => {
  const { open, write, path } = given()
  await write()
  await write()
  change(path(2), '"cells"', '"smells"')
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

function change(path: string, from: string, to: string): void {
  writeFileSync(path, gzipSync(gunzipSync(readFileSync(path)).toString("utf8").replace(from, to)))
}
