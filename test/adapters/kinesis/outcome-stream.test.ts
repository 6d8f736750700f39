import * as fc from "fast-check"
import seedrandom from "seedrandom"
import { describe, expect, it } from "vitest"
import { KinesisOutcomeStream } from "#src/adapters/kinesis/outcome-stream.ts"
import { FakeClock } from "#test/app/rig.ts"
import { decisionEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { type Fate, FaultyKinesis, type GivenCall, TAKEN } from "./faulty-kinesis.ts"

const THROTTLED = "ProvisionedThroughputExceededException"

function linesOf(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => JSON.stringify(decisionEvent({ decisionId: `D${from + index}` })))
}

function bytesOf(lines: readonly string[]): Uint8Array {
  return Buffer.from(lines.map((line) => `${line}\n`).join(""))
}

/** A stream over a server that does as `fate` says; time passes only while it waits. */
async function given(fate: (call: GivenCall, clock: FakeClock) => Fate, answerWithinMs?: number) {
  const clock = new FakeClock()
  clock.ms = 0
  const kinesis = await FaultyKinesis.start((call) => fate(call, clock))
  const logger = createRememberingLogger()
  const keys = ["first", "second"].values()
  const stream = new KinesisOutcomeStream({
    stream: "outcomes",
    clock,
    logger,
    random: seedrandom("kinesis"),
    sleep: async (ms, signal) => {
      signal.throwIfAborted()
      clock.ms += ms
    },
    client: {
      endpoint: kinesis.endpoint,
      region: "eu-west-1",
      credentials: async () => ({ accessKeyId: keys.next().value ?? "third", secretAccessKey: "secret" }),
    },
    ...(answerWithinMs === undefined ? {} : { answerWithinMs }),
  })
  const send = (lines: readonly string[]) => stream.send(bytesOf(lines), new AbortController().signal)
  return { kinesis, stream, send, logger, clock }
}

describe("given a stream that takes everything", () => {
  it("sends each line once, in calls of at most 500 records (Success)", async () => {
    const { kinesis, stream, send } = await given(() => TAKEN)
    const lines = linesOf(1201)
    await send(lines)
    expect(kinesis.lines.toSorted()).toEqual(lines.toSorted())
    expect(kinesis.calls.map(({ records }) => records.length).toSorted((a, b) => a - b)).toEqual([201, 500, 500])
    expect(stream.counts).toMatchObject({
      calls: 3,
      sentRecords: 1201,
      sentEvents: 1201,
      retriedRecords: 0,
      failedCalls: 0,
    })
    stream.close()
  })

  it("sends no call where there is nothing to send", async () => {
    const { kinesis, stream, send } = await given(() => TAKEN)
    await send([])
    expect(kinesis.calls).toEqual([])
    stream.close()
  })
})

describe("given calls that fail as a whole", () => {
  it.each<[string, Fate]>([
    ["500 (RequestFailure)", { kind: "refused", status: 500, type: "InternalFailure" }],
    ["a missing stream", { kind: "refused", status: 400, type: "ResourceNotFoundException" }],
    ["throttling of the whole call (FailIfThrottled)", { kind: "refused", status: 400, type: THROTTLED }],
    ["an answer that says nothing of the records (nonsense_error)", { kind: "nonsense" }],
  ])("sends all of it again after %s, and no record twice once it is taken", async (_, fate) => {
    const { kinesis, stream, send, clock } = await given(({ number }) => (number <= 3 ? fate : TAKEN))
    const lines = linesOf(10)
    await send(lines)
    expect(kinesis.lines).toEqual(lines)
    expect(stream.counts).toMatchObject({ calls: 4, failedCalls: 3, sentEvents: 10, retriedRecords: 30 })
    expect(clock.ms).toBeGreaterThan(0)
    expect(stream.problem).toBeUndefined()
    stream.close()
  })

  it("sends again what was taken without an answer: the same event ids come twice, none is missing", async () => {
    const fates: Readonly<Record<number, Fate>> = { 1: { kind: "silent" }, 2: { kind: "cut" } }
    const { kinesis, stream, send } = await given(({ number }) => fates[number] ?? TAKEN, 200)
    const lines = linesOf(10)
    await send(lines)
    expect(kinesis.lines).toEqual([...lines, ...lines, ...lines])
    expect(stream.counts).toMatchObject({ sentEvents: 10, retriedRecords: 20 })
    stream.close()
  })

  it("asks for other credentials where the stream doesn't know those that it has (ExpiredToken)", async () => {
    const { kinesis, stream, send, logger } = await given(({ accessKeyId }) =>
      accessKeyId === "first" ? { kind: "refused", status: 400, type: "ExpiredTokenException" } : TAKEN,
    )
    await send(linesOf(3))
    expect(kinesis.calls.map(({ accessKeyId }) => accessKeyId)).toEqual(["first", "second"])
    expect(kinesis.lines).toHaveLength(3)
    expect(logger.messages).toEqual([
      "warn: the stream doesn't take outcomes now: they stay in the log and are sent later",
      "info: the stream takes outcomes again",
    ])
    expect(logger.fields[0]).toMatchObject({ problem: "ExpiredTokenException: as asked for" })
    stream.close()
  })

  it("signs by the stream's clock where this one is off", async () => {
    const { kinesis, stream, send } = await given(({ signedAt }) =>
      Math.abs(signedAt - Date.now()) > 300_000
        ? { kind: "refused", status: 400, type: "InvalidSignatureException" }
        : TAKEN,
    )
    await send(linesOf(3))
    expect(kinesis.calls).toHaveLength(2)
    expect(kinesis.calls[0]?.signedAt).toBe(0)
    expect(kinesis.lines).toHaveLength(3)
    stream.close()
  })

  it("loses nothing in an outage of an hour, and asks about every three seconds meanwhile", async () => {
    const outage: Fate = { kind: "refused", status: 503, type: "ServiceUnavailable" }
    const { kinesis, stream, send } = await given((_, clock) => (clock.ms < 3_600_000 ? outage : TAKEN))
    const lines = linesOf(5)
    await send(lines)
    expect(kinesis.lines).toEqual(lines)
    expect(stream.counts.failedCalls).toBeGreaterThan(3_600 / 5)
    expect(stream.counts.failedCalls).toBeLessThan(3_600)
    stream.close()
  })

  it("ends when it is told to, with the reason", async () => {
    const { stream } = await given(() => ({ kind: "silent" }))
    const stopper = new AbortController()
    const sending = stream.send(bytesOf(linesOf(3)), stopper.signal)
    stopper.abort(new Error("the gateway stops"))
    await expect(sending).rejects.toThrow("the gateway stops")
    stream.close()
  })
})

describe("given records that fail one by one", () => {
  it("sends only those again (Partial)", async () => {
    const { kinesis, stream, send } = await given(({ number }) =>
      number === 1 ? { kind: "records", errors: [undefined, "InternalFailure", undefined, THROTTLED] } : TAKEN,
    )
    const lines = linesOf(5)
    await send(lines)
    expect(kinesis.calls.map(({ records }) => records.length)).toEqual([5, 2])
    expect(kinesis.lines.toSorted()).toEqual(lines)
    expect(stream.counts).toMatchObject({ sentRecords: 5, retriedRecords: 2, throttledCalls: 1, failedCalls: 0 })
    stream.close()
  })

  it("delivers every event whatever fails, each once where every answer comes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1 }), fc.integer({ min: 1, max: 1_300 }), async (seed, count) => {
        const random = seedrandom(seed)
        const { kinesis, stream, send } = await given(({ records }) => {
          const kind = random()
          if (kind < 0.1) return { kind: "refused", status: 500, type: "InternalFailure" }
          if (kind < 0.2) return { kind: "refused", status: 400, type: THROTTLED }
          if (kind < 0.6) {
            const errors = records.map(() =>
              random() < 0.3 ? (random() < 0.5 ? THROTTLED : "InternalFailure") : undefined,
            )
            return { kind: "records", errors }
          }
          return TAKEN
        })
        const lines = linesOf(count)
        await send(lines)
        stream.close()
        expect(kinesis.lines.toSorted()).toEqual(lines.toSorted())
        expect(stream.counts.sentEvents).toBe(count)
      }),
      { numRuns: 15 },
    )
  })
})

it("skips what is no event and what is too large for a record, counts both, and says which", async () => {
  const { kinesis, stream, send, logger } = await given(() => TAKEN)
  const large = JSON.stringify({ ...decisionEvent({ decisionId: "D9" }), features: "x".repeat(1 << 20) })
  const [line = ""] = linesOf(1)
  await send([line, large, "", line.slice(40), line.slice(0, 40)])
  expect(kinesis.lines).toEqual([line])
  expect(stream.counts).toMatchObject({ sentEvents: 1, oversizedEvents: 1, damagedLines: 3 })
  expect(logger.fields).toEqual([{ event: expect.stringContaining('"d-D9"') }])
  stream.close()
})
