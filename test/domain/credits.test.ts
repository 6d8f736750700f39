import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { SUM_UNITS } from "#src/domain/counters.ts"
import { type Credit, creditStep, creditValue, isDuplicate, MAX_POSTBACKS, type Postback } from "#src/domain/credits.ts"
import type { Aggregation } from "#src/domain/events.ts"
import { NOON, rewardEvent } from "#test/outcomes.ts"

const BOUND = 10
const AGGREGATIONS: readonly Aggregation[] = ["first", "last", "sum", "max"]

function postback(eventId: string, value: number, aggregation: Aggregation, secondsLater = 0): Postback {
  return rewardEvent({ eventId, value, bound: BOUND, aggregation, at: NOON + secondsLater * 1000 })
}

function creditOf(postbacks: readonly Postback[]): Credit | undefined {
  return postbacks.reduce<Credit | undefined>((credit, one) => creditStep(credit, one).credit, undefined)
}

/** What postbacks come to, in the reward's own units. */
function valueOf(postbacks: readonly Postback[], aggregation: Aggregation): number | undefined {
  const units = creditValue(creditOf(postbacks) ?? [], aggregation)
  return units === undefined ? undefined : (units / SUM_UNITS) * BOUND
}

describe("given several postbacks of one decision", () => {
  it.each([
    ["first", 2],
    ["last", 3],
    ["sum", 10],
    ["max", 5],
  ] as const)("credits the %s of 2, 5 and 3, in the order of their times", (aggregation, credited) => {
    const taken = [postback("a", 2, aggregation, 1), postback("b", 5, aggregation, 2), postback("c", 3, aggregation, 3)]
    expect(valueOf(taken, aggregation)).toBeCloseTo(credited, 9)
    expect(valueOf(taken.toReversed(), aggregation)).toBeCloseTo(credited, 9)
  })

  it("takes a repeated postback as a duplicate under every aggregation", () => {
    for (const aggregation of AGGREGATIONS) {
      const credit = creditOf([postback("a", 2, aggregation), postback("b", 1, aggregation, 1)])
      const again = creditStep(credit, postback("a", 2, aggregation))
      expect(again.answer).toBe("duplicate")
      expect(again.credit).toEqual(credit)
      expect(again.after).toBe(again.before)
    }
  })

  it("says what it was worth before and after", () => {
    const first = creditStep(undefined, postback("a", 2, "last"))
    expect(first).toMatchObject({ answer: "applied", before: undefined, after: 0.2 * SUM_UNITS })
    const second = creditStep(first.credit, postback("b", -1, "last", 1))
    expect(second).toMatchObject({ answer: "applied", before: 0.2 * SUM_UNITS, after: -0.1 * SUM_UNITS })
  })

  it("remembers a max that does not rise", () => {
    const credit = creditOf([postback("a", 2, "max"), postback("b", 1, "max", 1)])
    expect(credit?.map(({ eventId }) => eventId)).toEqual(["a", "b"])
    expect(creditStep(credit, postback("b", 1, "max", 1)).answer).toBe("duplicate")
  })

  it("lets a reward of zero give way under first, also to one that came before it", () => {
    const zero = postback("zero", 0, "first", 1)
    const later = postback("later", 4, "first", 2)
    expect(valueOf([zero, later], "first")).toBeCloseTo(4, 9)
    expect(valueOf([later, zero], "first")).toBeCloseTo(4, 9)
    expect(valueOf([zero], "first")).toBe(0)
  })

  it("stops a sum at the largest reward, so that no counter can pass its bounds, and reads it whole", () => {
    const all = [postback("a", BOUND, "sum", 1), postback("b", BOUND, "sum", 2), postback("c", -4, "sum", 3)]
    expect(valueOf(all.slice(0, 2), "sum")).toBe(BOUND)
    // 10 + 10 - 4 is beyond the bound, and -4 + 10 is not: what counts is the set.
    expect(valueOf(all, "sum")).toBe(BOUND)
    expect(valueOf(all.slice(1), "sum")).toBeCloseTo(6, 9)
  })

  it("keeps the earliest of more postbacks than one decision takes", () => {
    const many = Array.from({ length: MAX_POSTBACKS + 5 }, (_, index) => postback(`e${index}`, 1, "last", index))
    const credit = creditOf(many.toReversed())
    expect(credit).toHaveLength(MAX_POSTBACKS)
    expect(credit).toEqual(creditOf(many))
    expect(credit?.at(-1)?.eventId).toBe(`e${MAX_POSTBACKS - 1}`)
    expect(creditStep(credit, postback("one more", 1, "last", 9_999)).answer).toBe("duplicate")
  })
})

describe("given rewards that don't count", () => {
  it.each([
    ["late", { status: "late" }],
    ["not learned", { learn: false }],
  ] as const)("remembers one that is %s and adds nothing", (_, facts) => {
    const reward = rewardEvent({ ...facts, aggregation: "sum" })
    const step = creditStep(undefined, reward)
    expect(step).toMatchObject({ answer: "applied", before: undefined, after: undefined })
    expect(isDuplicate(step.credit, reward)).toBe(true)
  })

  it("counts the decision once a reward counts that follows, and keeps what counted before", () => {
    const late = rewardEvent({ eventId: "late", status: "late", aggregation: "max", bound: BOUND })
    const counting = postback("b", -2, "max")
    expect(valueOf([late, counting], "max")).toBeCloseTo(-2, 9)
    expect(valueOf([counting, late], "max")).toBeCloseTo(-2, 9)
  })

  it("counts a holdout's", () => {
    const step = creditStep(undefined, rewardEvent({ learn: false, holdout: true, aggregation: "sum" }))
    expect(step.after).toBe(SUM_UNITS)
  })
})

/** Postbacks of one decision: the same ids, equal times, zeros, values beyond each other's sum, and ones that don't count. */
function postbacks(aggregation: Aggregation, most = 12) {
  const one = fc.record({
    eventId: fc.constantFrom("a", "b", "c", "d", "e", "f"),
    value: fc.oneof(fc.constantFrom(0, 0.0007, -BOUND, BOUND), fc.double({ min: -BOUND, max: BOUND, noNaN: true })),
    at: fc.integer({ min: 0, max: 3 }).map((seconds) => NOON + seconds),
    status: fc.constantFrom("applied" as const, "applied" as const, "late" as const),
    learn: fc.constantFrom(true, true, false),
    holdout: fc.constantFrom(false, false, true),
  })
  return fc.array(
    one.map((facts): Postback => rewardEvent({ ...facts, bound: BOUND, aggregation })),
    { maxLength: most },
  )
}

describe.each(AGGREGATIONS)("given any set of postbacks under %s", (aggregation) => {
  const shuffled = postbacks(aggregation).chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })),
  )

  it("comes to the same credit in any order, and however often each arrives", () => {
    fc.assert(
      fc.property(shuffled, ([all, other]) => {
        expect(creditOf(other)).toEqual(creditOf(all))
        expect(creditOf([...other, ...all])).toEqual(creditOf(all))
      }),
      { numRuns: 300 },
    )
  })

  it("adds up to its value whatever the steps to it, and answers as it was asked beforehand", () => {
    fc.assert(
      fc.property(shuffled, ([, all]) => {
        let credit: Credit | undefined
        let sum = 0
        for (const one of all) {
          const duplicate = isDuplicate(credit, one)
          const step = creditStep(credit, one)
          expect(step.answer).toBe(duplicate ? "duplicate" : "applied")
          expect(step.before).toBe(creditValue(credit ?? [], aggregation))
          sum += (step.after ?? 0) - (step.before ?? 0)
          credit = step.credit
          expect(isDuplicate(credit, one)).toBe(true)
        }
        expect(sum).toBe(creditValue(credit ?? [], aggregation) ?? 0)
        expect(Math.abs(sum)).toBeLessThanOrEqual(SUM_UNITS)
      }),
    )
  })
})

it("comes to the same credit in any order of more postbacks than it takes", () => {
  const ids = Array.from({ length: MAX_POSTBACKS + 40 }, (_, index) => index)
  const all = ids.map((index) => postback(`e${index}`, index % 3, "sum", index % 7))
  const some = fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })
  const earlierAgain = ids.slice(0, 30).map((index) => postback(`e${index * 30}`, 1, "sum", -1))
  const expected = creditOf([...all, ...earlierAgain])
  fc.assert(
    fc.property(some, (order) => {
      expect(creditOf([...earlierAgain, ...order])).toEqual(expected)
      expect(creditOf([...order, ...earlierAgain])).toEqual(expected)
    }),
    { numRuns: 3 },
  )
})
