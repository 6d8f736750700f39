import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { KinesisOutcomeStream } from "#src/adapters/kinesis/outcome-stream.ts"
import { createLogSegments } from "#src/adapters/ndjson/log-segments.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { LogCursorFile } from "#src/adapters/node-files/log-cursor.ts"
import { LogShipper } from "#src/app/ship-log.ts"
import type { Clock } from "#src/ports/clock.ts"
import { type Fate, FaultyKinesis, TAKEN } from "#test/adapters/kinesis/faulty-kinesis.ts"
import { decisionEvent, NOON } from "#test/outcomes.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { FILE_BYTES, RetainedGateway } from "./retained-gateway.ts"

const AWAY: Fate = { kind: "refused", status: 503, type: "ServiceUnavailable" }

/** What a process has that sends a folder's log to a stream. */
function shipping(dataDir: string, endpoint: string, clock: Clock = realClock) {
  const logger = createRememberingLogger()
  // Waits are short: nothing here is about how long they are.
  const wait = (ms: number, signal: AbortSignal): Promise<void> => sleep(Math.min(ms, 2), undefined, { signal })
  const stream = new KinesisOutcomeStream({
    stream: "outcomes",
    clock,
    logger,
    random: () => 0.5,
    sleep: wait,
    client: { endpoint, region: "eu-west-1", credentials: { accessKeyId: "any", secretAccessKey: "any" } },
  })
  const folder = join(dataDir, "outcomes")
  const log = {
    reader: createOutcomeReader(folder),
    segments: createLogSegments(folder),
    cursor: new LogCursorFile(join(dataDir, "cursors", "kinesis.json")).cursor(1),
  }
  const shipper = new LogShipper({ logs: [log], stream, clock, logger, sleep: wait })
  return { stream, shipper, logger }
}

async function sendAll(dataDir: string, endpoint: string) {
  const { stream, shipper, logger } = shipping(dataDir, endpoint)
  void shipper.run()
  await shipper.stop(30_000)
  stream.close()
  return { ...stream.counts, messages: logger.messages, backlog: await shipper.backlog() }
}

function writeFiles(dataDir: string, files: readonly (Uint8Array | string)[]): void {
  mkdirSync(join(dataDir, "outcomes"), { recursive: true })
  for (const [index, content] of files.entries()) {
    writeFileSync(join(dataDir, "outcomes", `outcomes-${String(index + 1).padStart(8, "0")}.ndjson`), content)
  }
}

const lineOf = (decisionId: string): string => `${JSON.stringify(decisionEvent({ decisionId }))}\n`
const idsIn = (lines: readonly string[]): string[] => lines.map((line) => JSON.parse(line).decisionId)

describe("given a log of several files", () => {
  it("sends it from its beginning, goes on where it was, and has no backlog then", async () => {
    const kinesis = await FaultyKinesis.start(() => TAKEN)
    const dataDir = temporaryFolder()
    writeFiles(dataDir, [lineOf("D1"), lineOf("D2")])
    expect(await sendAll(dataDir, kinesis.endpoint)).toMatchObject({ sentEvents: 2, backlog: { bytes: 0, events: 0 } })
    writeFiles(dataDir, [lineOf("D1"), `${lineOf("D2")}${lineOf("D3")}`, lineOf("D4")])
    expect(await sendAll(dataDir, kinesis.endpoint)).toMatchObject({ sentEvents: 2, messages: [] })
    expect(idsIn(kinesis.lines)).toEqual(["D1", "D2", "D3", "D4"])
  })

  it("says how much waits and since when, while the stream is away, and ends in time all the same", async () => {
    const kinesis = await FaultyKinesis.start(() => AWAY)
    const dataDir = temporaryFolder()
    writeFiles(dataDir, [lineOf("D1"), lineOf("D2")])
    const { stream, shipper } = shipping(dataDir, kinesis.endpoint)
    void shipper.run()
    await expect.poll(async () => (await shipper.backlog()).since).toBe(NOON)
    const { bytes } = await shipper.backlog()
    expect(bytes).toBe(lineOf("D1").length + lineOf("D2").length)
    expect(stream.problem).toContain("ServiceUnavailable")
    await shipper.stop(50)
    stream.close()
    expect(stream.counts.sentEvents).toBe(0)
  })

  it("goes on after a cursor that can't be written, and sends nothing again for it", async () => {
    const kinesis = await FaultyKinesis.start(() => TAKEN)
    const dataDir = temporaryFolder()
    writeFiles(dataDir, [lineOf("D1"), lineOf("D2")])
    const { stream, shipper, logger } = shipping(dataDir, kinesis.endpoint)
    void shipper.run()
    await expect.poll(() => stream.counts.sentEvents).toBe(2)
    // Where the cursor is written, there is a folder now.
    mkdirSync(join(dataDir, "cursors", "kinesis.json.new"), { recursive: true })
    writeFiles(dataDir, [lineOf("D1"), `${lineOf("D2")}${lineOf("D3")}`])
    await expect.poll(() => stream.counts.sentEvents).toBe(3)
    await expect.poll(() => shipper.problem, { timeout: 5_000 }).toContain("kinesis.json can't be written")
    await shipper.stop(1_000)
    stream.close()
    expect(idsIn(kinesis.lines)).toEqual(["D1", "D2", "D3"])
    expect(logger.messages).toEqual([expect.stringContaining("their log or its cursor fails")])
  })
})

it("sends all that is whole whatever is done to the bytes, counts the rest, and sends it once", {
  timeout: 120_000,
}, async () => {
  const kinesis = await FaultyKinesis.start(() => TAKEN)
  const texts = Array.from({ length: 12 }, (_, index) => lineOf(`D${index}`))
  const file = (from: number): Buffer => Buffer.from(texts.slice(from, from + 4).join(""))
  const place = fc.record({ file: fc.nat(2), at: fc.nat(file(0).length - 1), byte: fc.nat(255) })
  await fc.assert(
    fc.asyncProperty(fc.array(place, { maxLength: 4 }), fc.option(fc.nat(2)), async (flips, torn) => {
      const files = [file(0), file(4), file(8)]
      for (const flip of flips) files[flip.file]?.writeUInt8(flip.byte, flip.at % (files[flip.file]?.length ?? 1))
      if (torn !== null) files[torn] = files[torn]?.subarray(0, -20) ?? file(0)
      const dataDir = temporaryFolder()
      writeFiles(dataDir, files)
      kinesis.lines.length = 0
      const { sentEvents, damagedLines } = await sendAll(dataDir, kinesis.endpoint)
      // A line whose beginning a flipped line feed has joined to the one before isn't whole.
      const written = new Set(files.flatMap((bytes) => bytes.toString().split("\n")))
      const whole = texts.map((text) => text.trimEnd()).filter((line) => written.has(line))
      const sent = new Set(kinesis.lines)
      expect(whole.filter((line) => !sent.has(line))).toEqual([])
      expect(sentEvents + damagedLines).toBeGreaterThanOrEqual(whole.length)
      expect(await sendAll(dataDir, kinesis.endpoint)).toMatchObject({ sentEvents: 0, messages: [] })
    }),
    { numRuns: 40, examples: [[[{ file: 0, at: 496, byte: 0 }], null]] },
  )
})

it("lacks only what is counted where the log passed its bound while the stream was away", {
  timeout: 60_000,
}, async () => {
  const gateway = new RetainedGateway(temporaryFolder())
  const { hours, recorder, retention } = await gateway.start({ maxBytes: 5 * FILE_BYTES })
  let isAway = false
  const kinesis = await FaultyKinesis.start(() => (isAway ? AWAY : TAKEN))
  await hours(10)
  await sendAll(gateway.folder, kinesis.endpoint)
  isAway = true
  await hours(62)
  await recorder.close()
  isAway = false
  const { messages } = await sendAll(gateway.folder, kinesis.endpoint)
  const all = gateway.decisions + gateway.rewards.length
  const missing = all - new Set(kinesis.lines).size
  expect(missing).toBeGreaterThan(0)
  expect(retention.counts.lostToFollowers).toBe(missing)
  expect(kinesis.lines).toHaveLength(all - missing)
  expect(messages.join()).toContain("files of the log are gone")
})
