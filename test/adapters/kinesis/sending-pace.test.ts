import seedrandom from "seedrandom"
import { describe, expect, it } from "vitest"
import { SendingPace } from "#src/adapters/kinesis/sending-pace.ts"

const CALL_RECORDS = 500
const LATENCY_MS = 20

/** Shards: records a second that they take, as a bucket that holds one second's. */
class Shards {
  readonly recordsPerSecond: (ms: number) => number
  #tokens: number
  #at = 0

  constructor(recordsPerSecond: (ms: number) => number) {
    this.recordsPerSecond = recordsPerSecond
    this.#tokens = recordsPerSecond(0)
  }

  /** @returns how many of the records are taken */
  take(records: number, ms: number): number {
    const limit = this.recordsPerSecond(ms)
    this.#tokens = Math.min(limit, this.#tokens + ((ms - this.#at) / 1_000) * limit)
    this.#at = ms
    const taken = Math.min(records, Math.floor(this.#tokens))
    this.#tokens -= taken
    return taken
  }
}

/** Four calls at once with more to send than is taken, for so many seconds. */
function sendFor(seconds: number, shards: Shards) {
  const pace = new SendingPace(seedrandom("pace"))
  const totals = { taken: 0, refused: 0 }
  const bySecond = Array.from({ length: seconds }, () => 0)
  const callers = [0, 1, 2, 3].map(() => ({ at: 0, records: CALL_RECORDS, isReserved: false }))
  for (;;) {
    const caller = callers.reduce((first, one) => (one.at < first.at ? one : first))
    const now = caller.at
    if (now >= seconds * 1_000) return { ...totals, bySecond, pace }
    const wait = caller.isReserved ? pace.held(now) : pace.reserve(caller.records, now)
    caller.isReserved = true
    if (wait > 0) {
      caller.at += wait
      continue
    }
    const taken = shards.take(caller.records, now)
    const left = caller.records - taken
    if (left === 0) pace.took(taken, now + LATENCY_MS)
    else pace.throttled(taken, now + LATENCY_MS)
    totals.taken += taken
    totals.refused += left
    bySecond[Math.floor(now / 1_000)] = (bySecond[Math.floor(now / 1_000)] ?? 0) + taken
    Object.assign(caller, { at: now + LATENCY_MS, records: left === 0 ? CALL_RECORDS : left, isReserved: false })
  }
}

describe("given a provisioned stream", () => {
  it.each([1_000, 4_000, 40_000])("uses most of its %i records a second, and has few refused", (limit) => {
    const { taken, refused } = sendFor(120, new Shards(() => limit))
    expect(taken / 120).toBeGreaterThan(0.7 * limit)
    expect(refused / taken).toBeLessThan(0.15)
  })
})

describe("given an on-demand stream, which grows to twice its limit", () => {
  it("finds the new limit within half a minute", () => {
    const { bySecond } = sendFor(90, new Shards((ms) => (ms < 60_000 ? 4_000 : 8_000)))
    expect(Math.max(...bySecond.slice(60))).toBeGreaterThan(7_000)
  })
})

it("sends as fast as it may until something is refused", () => {
  const pace = new SendingPace(seedrandom("pace"))
  for (let call = 0; call < 100; call++) {
    expect(pace.reserve(CALL_RECORDS, call)).toBe(0)
    pace.took(CALL_RECORDS, call)
  }
})

it("waits longer after each call that fails, at random and at most five seconds", () => {
  const longest = Array.from({ length: 12 }, (_, failures) => {
    const pace = new SendingPace(() => 1)
    for (let failed = 0; failed <= failures; failed++) pace.failed(0)
    return pace.held(0)
  })
  expect(longest).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000, 5_000, 5_000])
  const half = new SendingPace(() => 0.5)
  half.failed(0)
  expect(half.reserve(1, 0)).toBe(50)
  half.took(1, 60)
  half.failed(60)
  expect(half.held(60)).toBe(50)
})
