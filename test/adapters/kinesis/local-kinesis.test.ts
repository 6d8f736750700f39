import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { KinesisOutcomeStream } from "#src/adapters/kinesis/outcome-stream.ts"
import { readStream, type ShardLines } from "#src/adapters/kinesis/stream-reader.ts"
import { decisionEvent, NOON } from "#test/outcomes.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { LocalKinesis, STREAM } from "./local-kinesis.ts"

const HALF_OF_ALL_KEYS = 2n ** 127n

function linesOf(count: number, from = 0, padding = ""): string[] {
  return Array.from({ length: count }, (_, index) =>
    JSON.stringify({ ...decisionEvent({ decisionId: `D${from + index}` }), features: { padding } }),
  )
}

async function given(shards?: number) {
  const kinesis = await LocalKinesis.start(shards)
  const logger = createRememberingLogger()
  const stream = new KinesisOutcomeStream({
    stream: STREAM,
    clock: realClock,
    logger,
    random: Math.random,
    sleep: (ms, signal) => sleep(ms, undefined, { signal }),
    client: kinesis.connection,
  })
  const send = async (lines: readonly string[]): Promise<void> => {
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""))
    await stream.send(bytes, new AbortController().signal)
  }
  const reading = {
    stream: STREAM,
    follow: false,
    now: () => Date.now(),
    sleep: (ms: number) => sleep(ms),
    client: kinesis.connection,
  }
  return { kinesis, stream, send, reading, logger }
}

async function all(chunks: AsyncIterable<ShardLines>): Promise<ShardLines[]> {
  const read: ShardLines[] = []
  for await (const chunk of chunks) read.push(chunk)
  return read
}

const linesIn = (chunks: readonly ShardLines[]) => chunks.flatMap(({ lines }) => lines).toSorted()

describe("given a server of the real protocol", () => {
  it("takes what is sent, and gives it back line by line", async () => {
    const { stream, send, reading } = await given()
    const lines = linesOf(1_100)
    await send(lines)
    expect(stream.counts).toMatchObject({ calls: 3, failedCalls: 0, sentEvents: 1_100 })
    expect(linesIn(await all(readStream(reading)))).toEqual(lines.toSorted())
    stream.close()
  })

  it("takes calls as large as it allows: 5 MiB, and a record of 1 MiB", async () => {
    const { stream, send, reading, logger } = await given()
    const line = linesOf(1)[0] ?? ""
    const room = (1 << 20) - line.length - 1 - "D0".length
    const lines = linesOf(6, 0, "x".repeat(room))
    await send(lines)
    expect(logger.messages).toEqual([])
    expect(stream.counts).toMatchObject({ calls: 2, failedCalls: 0, sentEvents: 6, oversizedEvents: 0 })
    expect(linesIn(await all(readStream(reading)))).toEqual(lines.toSorted())
    stream.close()
  })

  it("is read from a place, and from a time", async () => {
    const { stream, send, reading } = await given()
    await send(linesOf(10))
    const first = await all(readStream(reading))
    await send(linesOf(10, 10))
    const after = new Map(first.map(({ shard, end }) => [shard, end]))
    expect(linesIn(await all(readStream({ ...reading, after })))).toEqual(linesOf(10, 10).toSorted())
    expect(await all(readStream({ ...reading, from: NOON }))).toHaveLength(2)
    stream.close()
  })

  it("is read on after one of its shards was split, old shard first", async () => {
    const { kinesis, stream, send, reading } = await given(1)
    await send(linesOf(50))
    await kinesis.split("shardId-000000000000", HALF_OF_ALL_KEYS)
    await send(linesOf(50, 50))
    const chunks = await all(readStream(reading))
    expect(linesIn(chunks)).toEqual([...linesOf(50), ...linesOf(50, 50)].toSorted())
    expect(new Set(chunks.map(({ shard }) => shard)).size).toBe(3)
    expect(chunks[0]?.shard).toBe("shardId-000000000000")
    stream.close()
  })
})

it("says what may be wrong where there is no such stream", async () => {
  const { stream, reading } = await given()
  await expect(all(readStream({ ...reading, stream: "other" }))).rejects.toMatchObject({
    code: "config_invalid",
    message: expect.stringContaining("look at its name"),
  })
  stream.close()
})
