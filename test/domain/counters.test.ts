import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  bucketOf,
  type Credit,
  creditStep,
  isDuplicate,
  MAX_POSTBACKS,
  MAX_REWARD,
  MICRO,
  squareMicro,
  toMicro,
} from "#src/domain/counters.ts"
import type { Aggregation } from "#src/domain/events.ts"

function postback(eventId: string, value: number, aggregation: Aggregation) {
  return { eventId, value, aggregation, status: "applied", learn: true } as const
}

function creditAfter(postbacks: readonly Parameters<typeof creditStep>[1][]): Credit | undefined {
  let credit: Credit | undefined
  for (const one of postbacks) {
    const step = creditStep(credit, one)
    if (step.answer === "applied") credit = step.credit
  }
  return credit
}

describe("given rewards in micro-units", () => {
  it("rounds half away from zero, alike on both sides", () => {
    expect([0.000_000_5, -0.000_000_5, 1.25, -0, 0.1 + 0.2].map(toMicro)).toEqual([1, -1, 1_250_000, 0, 300_000])
  })

  it("squares the value that was counted, not the value that was sent", () => {
    expect(squareMicro(toMicro(1.5))).toBe(2_250_000)
    expect(squareMicro(toMicro(-3))).toBe(9_000_000)
    expect(Number.isSafeInteger(squareMicro(toMicro(MAX_REWARD)))).toBe(true)
  })

  it("puts a decision into the second that it was made in", () => {
    expect(bucketOf("2026-11-20T12:00:00.999Z")).toBe(Date.UTC(2026, 10, 20, 12) / 1000)
  })
})

describe("given several postbacks of one decision", () => {
  it.each([
    ["first", 2],
    ["last", 3],
    ["sum", 10],
    ["max", 5],
  ] as const)("credits the %s of 2, 5 and 3", (aggregation, credited) => {
    const credit = creditAfter([
      postback("a", 2, aggregation),
      postback("b", 5, aggregation),
      postback("c", 3, aggregation),
    ])
    expect(credit?.valueMicro).toBe(credited * MICRO)
  })

  it("takes a repeated postback as a duplicate under every aggregation", () => {
    for (const aggregation of ["first", "last", "sum", "max"] as const) {
      const credit = creditAfter([postback("a", 2, aggregation), postback("b", 1, aggregation)])
      expect(creditStep(credit, postback("a", 7, aggregation))).toEqual({ answer: "duplicate" })
    }
  })

  it("adds a reward once and its changes as differences", () => {
    const first = creditStep(undefined, postback("a", 2, "last"))
    expect(first).toMatchObject({ delta: { decisions: 0, rewards: 1, sum: 2 * MICRO, sumSq: 4 * MICRO } })
    const second = creditStep(creditAfter([postback("a", 2, "last")]), postback("b", -1, "last"))
    expect(second).toMatchObject({ delta: { decisions: 0, rewards: 0, sum: -3 * MICRO, sumSq: -3 * MICRO } })
  })

  it("remembers a max that does not rise", () => {
    const credit = creditAfter([postback("a", 2, "max"), postback("b", 1, "max")])
    expect(credit).toEqual({ eventIds: ["a", "b"], valueMicro: 2 * MICRO, counted: true })
  })

  it("stops a sum at the largest reward, so that no counter can pass its bounds", () => {
    const credit = creditAfter([postback("a", MAX_REWARD, "sum"), postback("b", MAX_REWARD, "sum")])
    expect(credit?.valueMicro).toBe(MAX_REWARD * MICRO)
  })

  it("takes no more than a bounded number of postbacks", () => {
    const many = Array.from({ length: MAX_POSTBACKS + 5 }, (_, index) => postback(`e${index}`, 1, "sum"))
    expect(creditAfter(many)?.eventIds).toHaveLength(MAX_POSTBACKS)
  })
})

describe("given rewards that don't count", () => {
  const late = { ...postback("late", 9, "sum"), status: "late" } as const
  const unlearned = { ...postback("unlearned", 9, "sum"), learn: false } as const

  it.each([late, unlearned])("remembers them and adds nothing", (reward) => {
    expect(creditStep(undefined, reward)).toEqual({
      answer: "applied",
      credit: { eventIds: [reward.eventId], valueMicro: 0, counted: false },
      delta: { decisions: 0, rewards: 0, sum: 0, sumSq: 0 },
    })
  })

  it("counts the decision once a reward counts that follows", () => {
    const step = creditStep(creditAfter([late]), postback("b", -2, "max"))
    expect(step).toMatchObject({
      credit: { valueMicro: -2 * MICRO, counted: true },
      delta: { rewards: 1, sum: -2 * MICRO },
    })
  })

  it("keeps what was credited before", () => {
    const credit = creditAfter([postback("a", 2, "sum"), late])
    expect(credit).toEqual({ eventIds: ["a", "late"], valueMicro: 2 * MICRO, counted: true })
  })
})

it("has one effect per decision, whatever is retried and in which order", () => {
  const anyPostback = fc.record({
    eventId: fc.constantFrom("a", "b", "c", "d"),
    value: fc.double({ min: -MAX_REWARD, max: MAX_REWARD, noNaN: true }),
    aggregation: fc.constantFrom<Aggregation>("first", "last", "sum", "max"),
    status: fc.constantFrom("applied" as const, "late" as const),
    learn: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(anyPostback, { maxLength: 30 }), (postbacks) => {
      let credit: Credit | undefined
      const totals = { rewards: 0, sum: 0, sumSq: 0 }
      for (const one of postbacks) {
        const duplicate = isDuplicate(credit, one)
        const step = creditStep(credit, one)
        expect(step.answer).toBe(duplicate ? "duplicate" : "applied")
        if (step.answer === "duplicate") continue
        credit = step.credit
        totals.rewards += step.delta.rewards
        totals.sum += step.delta.sum
        totals.sumSq += step.delta.sumSq
        expect(isDuplicate(credit, one)).toBe(true)
      }
      const counted = credit?.counted === true
      expect(totals).toEqual({
        rewards: counted ? 1 : 0,
        sum: counted ? credit?.valueMicro : 0,
        sumSq: counted ? squareMicro(credit?.valueMicro ?? 0) : 0,
      })
    }),
  )
})
