import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  CALL_KINDS,
  CALL_OUTCOMES,
  callKindOf,
  callTotals,
  isCallMetric,
  LATENCY_BINS,
  latencyBin,
  latencyBinEnd,
} from "#src/domain/call-counters.ts"
import { callAddition, DecisionReader } from "#src/domain/decision-facts.ts"
import { decisionEvent, NOON } from "#test/outcomes.ts"

const MINUTE = NOON / 1000

function rowsOf(calls: readonly Parameters<typeof callKindOf>[0][]) {
  const { choice } = new DecisionReader().facts(decisionEvent())
  if (choice === undefined) throw new Error("the decision leaves nothing")
  return calls.map((call) => {
    const { key, delta } = callAddition(choice, MINUTE, callKindOf(call), 1)
    expect(isCallMetric(key.metric)).toBe(true)
    return { metric: key.metric, count: delta.count }
  })
}

describe("latency bins", () => {
  it("hold every latency between their ends, which are 19 per cent apart", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.02, max: 65_000, noNaN: true }), (ms) => {
        const bin = latencyBin(ms)
        expect(latencyBinEnd(bin)).toBeGreaterThanOrEqual(ms * (1 - 1e-12))
        expect(latencyBinEnd(bin) / ms).toBeLessThan(2 ** 0.25 * (1 + 1e-12))
      }),
    )
  })

  it("take anything, however short or long", () => {
    expect([0, -1, Number.NaN].map(latencyBin)).toEqual([0, 0, 0])
    expect([65_536, 1e9, Number.POSITIVE_INFINITY].map(latencyBin)).toEqual([87, 87, 87])
    expect(LATENCY_BINS).toBe(88)
  })
})

describe("calls", () => {
  it("are told apart by outcome: answers, refusals by class of status, and the rest by error", () => {
    const outcomes = [
      {},
      { error: "backend_failed", status: 302 },
      { error: "backend_failed", status: 429 },
      { error: "backend_failed", status: 503 },
      { error: "deadline_exceeded" },
      { error: "backend_unavailable" },
      { error: "backend_failed" },
      { error: "wrong_shape", status: 200 },
      { error: "features_invalid" },
      { error: "not_taken" },
    ].map((call) => CALL_OUTCOMES[Math.floor(callKindOf({ ...call, ms: 1 }) / LATENCY_BINS)])
    expect(outcomes).toEqual(CALL_OUTCOMES)
    expect(callKindOf({ error: "not_taken", ms: 1e9 })).toBe(CALL_KINDS - 1)
    expect(callKindOf({ error: "of a later version", ms: 1 })).toBe(callKindOf({ error: "backend_failed", ms: 1 }))
  })

  it("add up to the counts and quantiles of the calls themselves", () => {
    const call = fc.record({
      ms: fc.double({ min: 0.02, max: 60_000, noNaN: true }),
      error: fc.constantFrom(undefined, undefined, "deadline_exceeded", "wrong_shape"),
    })
    fc.assert(
      fc.property(fc.array(call, { maxLength: 60 }), (all) => {
        const totals = callTotals(rowsOf(all.map(({ ms, error }) => (error === undefined ? { ms } : { ms, error }))))
        const answers = all.filter(({ error }) => error === undefined).map(({ ms }) => ms)
        answers.sort((a, b) => a - b)
        expect([totals.answered, totals.failed]).toEqual([answers.length, all.length - answers.length])
        expect(totals.latencyMs === null).toBe(answers.length === 0)
        for (const [name, share] of [
          ["p50", 0.5],
          ["p90", 0.9],
          ["p99", 0.99],
        ] as const) {
          const exact = answers[Math.ceil(share * answers.length) - 1]
          if (exact === undefined) continue
          const read = totals.latencyMs?.[name] ?? Number.NaN
          // Three digits are shown.
          expect(read / exact).toBeGreaterThan(0.995)
          expect(read / exact).toBeLessThan(1.195)
        }
      }),
    )
  })
})
