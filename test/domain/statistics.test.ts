import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { MICRO } from "#src/domain/counters.ts"
import { type CounterRow, type StatisticsQuery, summarise } from "#src/domain/statistics.ts"
import { NOON } from "#test/outcomes.ts"

const NOON_SECONDS = NOON / 1000

function row(secondsAgo: number, counters: Partial<CounterRow> = {}): CounterRow {
  return {
    variant: "champion",
    bucket: NOON_SECONDS - secondsAgo,
    widthSeconds: 1,
    decisions: 10,
    rewards: 2,
    sum: 2 * MICRO,
    sumSq: 2 * MICRO,
    ...counters,
  }
}

function query(partial: Partial<StatisticsQuery> = {}): StatisticsQuery {
  return { metric: "click", memory: { kind: "all" }, maturationSeconds: 0, now: NOON, ...partial }
}

describe("given decisions that count at once", () => {
  it("adds up every row of a variant, in the reward's units", () => {
    expect(summarise([row(0), row(100_000, { widthSeconds: 3_600 })], query())).toEqual([
      {
        variant: "champion",
        n: 20,
        pending: 0,
        sum: 4,
        sumSq: 4,
        totals: { decisions: 20, rewards: 4, sum: 4, sumSq: 4 },
      },
    ])
  })

  it("keeps variants apart, in the order that they appear in", () => {
    const statistics = summarise(
      [row(1, { variant: "b" }), row(2, { variant: "a" }), row(3, { variant: "b" })],
      query(),
    )
    expect(statistics.map(({ variant, n }) => [variant, n])).toEqual([
      ["b", 20],
      ["a", 10],
    ])
  })

  it("lets a reward stand for its decision where the log had to drop the decision", () => {
    const [statistics] = summarise([row(1, { decisions: 0, rewards: 3, sum: 3 * MICRO })], query())
    expect(statistics).toMatchObject({ n: 3, sum: 3, totals: { decisions: 0, rewards: 3 } })
  })

  it("takes a late reward in a row of its own for one of the decisions in a wider row", () => {
    const wide = row(3_600, { widthSeconds: 3_600, decisions: 10, rewards: 1, sum: MICRO })
    const [statistics] = summarise([wide, row(3_000, { decisions: 0, rewards: 1, sum: MICRO })], query())
    expect(statistics).toMatchObject({ n: 10, sum: 2 })
  })

  it("has nothing to say of no rows", () => {
    expect(summarise([], query())).toEqual([])
  })
})

describe("given a maturation of one minute", () => {
  const maturing = query({ maturationSeconds: 60 })

  it("leaves a bucket out, rewards and all, until the whole of it is older", () => {
    expect(summarise([row(60)], maturing)).toMatchObject([
      { n: 0, pending: 10, sum: 0, sumSq: 0, totals: { decisions: 10, rewards: 2, sum: 2 } },
    ])
    expect(summarise([row(61)], maturing)).toMatchObject([{ n: 10, pending: 0, sum: 2, sumSq: 2 }])
  })

  it("waits for the end of a wide bucket", () => {
    expect(summarise([row(119, { widthSeconds: 60 })], maturing)).toMatchObject([{ n: 0, pending: 10 }])
    expect(summarise([row(120, { widthSeconds: 60 })], maturing)).toMatchObject([{ n: 10, pending: 0 }])
  })

  it("lets memory reach back from the closing, so that a window shorter than the maturation still learns", () => {
    const window = query({ maturationSeconds: 3_600, memory: { kind: "window", seconds: 60 } })
    expect(summarise([row(3_630)], window)).toMatchObject([{ n: 10 }])
    expect(summarise([row(3_700)], window)).toMatchObject([{ n: 0, pending: 0 }])
  })
})

describe("given a memory", () => {
  it("forgets what is older than its window, and never from the totals", () => {
    const window = query({ memory: { kind: "window", seconds: 3_600 } })
    expect(summarise([row(10), row(3_599), row(3_601)], window)).toMatchObject([{ n: 20, totals: { decisions: 30 } }])
  })

  it("takes a wide row on the edge of the window by its middle", () => {
    const window = query({ memory: { kind: "window", seconds: 3_600 } })
    expect(summarise([row(3_629, { widthSeconds: 60 })], window)).toMatchObject([{ n: 10 }])
    expect(summarise([row(3_631, { widthSeconds: 60 })], window)).toMatchObject([{ n: 0 }])
  })

  it("halves the weight of everything at each half-life", () => {
    const discount = query({ memory: { kind: "discount", halfLifeSeconds: 100 } })
    const [statistics] = summarise([row(100.5), row(200.5)], discount)
    expect(statistics?.n).toBeCloseTo(10 * (0.5 + 0.25), 12)
    expect(statistics?.sum).toBeCloseTo(2 * (0.5 + 0.25), 12)
    expect(statistics?.sumSq).toBeCloseTo(2 * (0.5 + 0.25), 12)
    expect(statistics?.totals.decisions).toBe(20)
  })

  it("weighs the current second fully and never more", () => {
    const discount = query({ memory: { kind: "discount", halfLifeSeconds: 1 } })
    expect(summarise([row(0)], discount)).toMatchObject([{ n: 10 }])
    expect(summarise([row(-5)], discount)).toMatchObject([{ n: 10 }])
  })

  it("discounts no pending decision", () => {
    const discount = query({ maturationSeconds: 600, memory: { kind: "discount", halfLifeSeconds: 1 } })
    expect(summarise([row(300)], discount)).toMatchObject([{ pending: 10, n: 0 }])
  })
})

it("counts each decision as matured or pending when it remembers everything", () => {
  const rows = fc.array(
    fc.record({
      variant: fc.constantFrom("a", "b"),
      bucket: fc.integer({ min: NOON_SECONDS - 10_000, max: NOON_SECONDS }),
      widthSeconds: fc.constantFrom(1, 60, 3_600),
      decisions: fc.nat(1_000),
      rewards: fc.constant(0),
      sum: fc.constant(0),
      sumSq: fc.constant(0),
    }),
  )
  fc.assert(
    fc.property(rows, fc.nat(10_000), (counters, maturationSeconds) => {
      for (const { n, pending, totals } of summarise(counters, query({ maturationSeconds }))) {
        expect(n + pending).toBe(totals.decisions)
      }
    }),
  )
})
