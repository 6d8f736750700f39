import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { SQUARE_UNITS, SUM_UNITS } from "#src/domain/counters.ts"
import { type CounterRow, isAsked, type StatisticsQuery, summarise } from "#src/domain/statistics.ts"
import { NOON } from "#test/outcomes.ts"

const NOON_SECONDS = NOON / 1000

/** Decisions of one bucket. */
function decided(secondsAgo: number, counters: Partial<CounterRow> = {}): CounterRow {
  return {
    cohort: "learned",
    variant: "champion",
    series: 1,
    metric: "",
    bucket: NOON_SECONDS - secondsAgo,
    widthSeconds: 1,
    count: 10,
    sum: 0,
    sumSq: 0,
    ...counters,
  }
}

/** Rewards of half the largest, of the decisions of one bucket. */
function rewarded(secondsAgo: number, counters: Partial<CounterRow> = {}): CounterRow {
  const { count = 2 } = counters
  const sums = { count, sum: (count * SUM_UNITS) / 2, sumSq: (count * SQUARE_UNITS) / 4 }
  return decided(secondsAgo, { metric: "click", ...sums, ...counters })
}

/** Ten decisions and two rewards of one bucket. */
function both(secondsAgo: number, counters: Partial<CounterRow> = {}): CounterRow[] {
  return [decided(secondsAgo, counters), rewarded(secondsAgo, counters)]
}

function query(partial: Partial<StatisticsQuery> = {}): StatisticsQuery {
  const asked = { metric: "click", bound: 4, series: { champion: 1, a: 1, b: 1 }, memory: { kind: "all" } } as const
  return { ...asked, maturation: { kind: "none" }, now: NOON, ...partial }
}

function variantsOf(rows: readonly CounterRow[], partial: Partial<StatisticsQuery> = {}) {
  return summarise(rows, query(partial)).variants
}

describe("given decisions that count at once", () => {
  it("adds up every row of a variant, in the reward's units", () => {
    const rows = [...both(0), ...both(100_000, { widthSeconds: 3_600 })]
    expect(summarise(rows, query())).toEqual({
      variants: [
        {
          variant: "champion",
          n: 20,
          pending: 0,
          lifetime: 20,
          sum: 8,
          sumSq: 16,
          totals: { decisions: 20, rewards: 4, sum: 8, sumSq: 16 },
          excluded: 0,
        },
      ],
      holdout: [],
    })
  })

  it("keeps variants apart, in the order that they appear in", () => {
    const rows = [decided(1, { variant: "b" }), decided(2, { variant: "a" }), decided(3, { variant: "b" })]
    expect(variantsOf(rows).map(({ variant, n }) => [variant, n])).toEqual([
      ["b", 20],
      ["a", 10],
    ])
  })

  it("leaves out other metrics, other series and variants that nobody asked for", () => {
    const others = [
      rewarded(1, { metric: "sale" }),
      decided(1, { metric: "error" }),
      decided(1, { series: 2 }),
      rewarded(1, { series: 2 }),
      decided(1, { variant: "gone" }),
    ]
    expect(variantsOf([...both(1), ...others])).toEqual(variantsOf(both(1)))
    expect(variantsOf(others)).toEqual([])
  })

  it("lets a reward stand for its decision where the log had to drop the decision", () => {
    const [statistics] = variantsOf([rewarded(1, { count: 3 })])
    expect(statistics).toMatchObject({ n: 3, sum: 6, totals: { decisions: 0, rewards: 3 } })
  })

  it("takes a late reward in a row of its own for one of the decisions in a wider row", () => {
    const wide = decided(3_600, { widthSeconds: 3_600 })
    const [statistics] = variantsOf([
      wide,
      rewarded(3_600, { widthSeconds: 3_600, count: 1 }),
      rewarded(3_000, { count: 1 }),
    ])
    expect(statistics).toMatchObject({ n: 10, sum: 4 })
  })

  it("has nothing to say of no rows", () => {
    expect(summarise([], query())).toEqual({ variants: [], holdout: [] })
  })
})

describe("given decisions that are not learned from", () => {
  it("reports the holdout apart, whatever the memory", () => {
    const held = both(100_000, { cohort: "holdout" })
    const asked = query({ memory: { kind: "window", seconds: 60 }, maturation: { kind: "window", seconds: 1_000_000 } })
    const { variants, holdout } = summarise([...held, ...both(1)], asked)
    expect(holdout).toEqual([{ variant: "champion", decisions: 10, rewards: 2, sum: 4, sumSq: 8 }])
    expect(variants).toMatchObject([{ n: 0, pending: 10, totals: { decisions: 10 } }])
  })

  it("counts those that are excluded, and nothing else of them", () => {
    const excluded = both(1, { cohort: "excluded" })
    expect(variantsOf([...excluded, ...both(1)])).toMatchObject([
      { n: 10, sum: 4, excluded: 10, totals: { decisions: 10, rewards: 2 } },
    ])
  })
})

describe("given a maturation of one minute", () => {
  const maturing = { maturation: { kind: "window", seconds: 60 } } as const

  it("leaves a bucket out, rewards and all, until the whole of it is older", () => {
    expect(variantsOf(both(60), maturing)).toMatchObject([
      { n: 0, pending: 10, sum: 0, sumSq: 0, totals: { decisions: 10, rewards: 2, sum: 4 } },
    ])
    expect(variantsOf(both(61), maturing)).toMatchObject([{ n: 10, pending: 0, sum: 4, sumSq: 8 }])
  })

  it("waits for the end of a wide bucket", () => {
    expect(variantsOf(both(119, { widthSeconds: 60 }), maturing)).toMatchObject([{ n: 0, pending: 10 }])
    expect(variantsOf(both(120, { widthSeconds: 60 }), maturing)).toMatchObject([{ n: 10, pending: 0 }])
  })

  it("lets memory reach back from the closing, so that a window shorter than the maturation still learns", () => {
    const window = { maturation: { kind: "window", seconds: 3_600 }, memory: { kind: "window", seconds: 60 } } as const
    expect(variantsOf([decided(3_630)], window)).toMatchObject([{ n: 10 }])
    expect(variantsOf([decided(3_700)], window)).toMatchObject([{ n: 0, pending: 0 }])
  })
})

describe("given that a decision counts by the rewards that should have come", () => {
  const expected = { maturation: { kind: "expected", seconds: 100 } } as const
  const delays = (secondsAgo: number, bin: number, count: number, variant = "champion"): CounterRow =>
    decided(secondsAgo, { variant, metric: `click@100.${bin}`, count })

  it("counts as without maturation where every reward comes at once", () => {
    const rows = [...both(40), ...both(150), delays(40, 0, 200), delays(150, 0, 200)]
    expect(summarise(rows, query(expected))).toEqual(summarise(rows, query()))
    expect(summarise([...both(40), ...both(150)], query(expected))).toEqual(
      summarise([...both(40), ...both(150)], query()),
    )
  })

  it("counts an open decision for nothing where no reward comes before the window closes", () => {
    const [open] = variantsOf([decided(40), delays(150, 23, 1e9)], expected)
    expect(open?.n).toBeLessThan(1e-6)
    expect(open?.pending).toBeGreaterThan(10 - 1e-6)
    expect(open?.lifetime).toBe(10)
  })

  it("counts rewards of open decisions at once, and no fewer decisions than rewards", () => {
    const [open] = variantsOf([...both(40, { count: 3 }), delays(150, 23, 1e9)], expected)
    expect(open).toMatchObject({ n: 3, sum: 6 })
  })

  it("counts a decision for the share of its own variant's rewards", () => {
    // Half of the rewards come within the first tenth of the window (in its logarithm), the others in the last bin.
    const rows = [decided(40), decided(40, { variant: "a" }), delays(150, 2, 5_000), delays(150, 23, 5_000)]
    const [champion, other] = variantsOf([...rows, delays(150, 0, 1e6, "a")], expected)
    expect(champion?.n).toBeCloseTo(5, 1)
    expect(other?.n).toBeCloseTo(10, 2)
    expect((champion?.n ?? 0) + (champion?.pending ?? 0)).toBeCloseTo(10, 12)
  })

  it("looks at delays of the current series, metric and window alone", () => {
    const late = delays(150, 23, 1e9)
    const others = [
      { ...late, series: 2 },
      { ...late, metric: "sale@100.23" },
      { ...late, metric: "click@50.23" },
    ]
    expect(variantsOf([decided(40), ...others], expected)).toMatchObject([{ n: 10, pending: 0 }])
    expect(isAsked("click@100.23", query(expected))).toBe(true)
    for (const metric of ["sale@100.23", "click@50.23", "sale"]) expect(isAsked(metric, query(expected))).toBe(false)
    expect(isAsked("click@100.23", query())).toBe(false)
  })
})

describe("given a variant that was enabled later than its series began", () => {
  const since = { enabledSince: { champion: NOON_SECONDS - 100 } }

  it("counts its decisions since then for its burn-in, whatever the memory", () => {
    const rows = [decided(50), decided(99), decided(100.5), decided(101)]
    expect(variantsOf(rows, since)).toMatchObject([{ lifetime: 30, n: 40 }])
    expect(variantsOf(rows, { ...since, memory: { kind: "window", seconds: 60 } })).toMatchObject([
      { lifetime: 30, n: 10 },
    ])
    expect(variantsOf([decided(50, { variant: "a" })], since)).toMatchObject([{ lifetime: 10 }])
  })

  it("counts only closed ones where a decision waits for its window", () => {
    const rows = [decided(50), decided(90)]
    expect(variantsOf(rows, { ...since, maturation: { kind: "window", seconds: 60 } })).toMatchObject([
      { lifetime: 10 },
    ])
  })

  it("takes back none of them when a wide bucket swallows its beginning", () => {
    expect(variantsOf([decided(130, { widthSeconds: 60 })], since)).toMatchObject([{ lifetime: 10 }])
  })
})

describe("given a memory", () => {
  it("forgets what is older than its window, and never from the totals", () => {
    const window = { memory: { kind: "window", seconds: 3_600 } } as const
    const rows = [decided(10), decided(3_599), decided(3_601)]
    expect(variantsOf(rows, window)).toMatchObject([{ n: 20, totals: { decisions: 30 } }])
  })

  it("takes a wide row on the edge of the window by its middle", () => {
    const window = { memory: { kind: "window", seconds: 3_600 } } as const
    expect(variantsOf([decided(3_629, { widthSeconds: 60 })], window)).toMatchObject([{ n: 10 }])
    expect(variantsOf([decided(3_631, { widthSeconds: 60 })], window)).toMatchObject([{ n: 0 }])
  })

  it("halves the weight of everything at each half-life", () => {
    const [statistics] = variantsOf([...both(100.5), ...both(200.5)], {
      memory: { kind: "discount", halfLifeSeconds: 100 },
    })
    expect(statistics?.n).toBeCloseTo(10 * (0.5 + 0.25), 12)
    expect(statistics?.sum).toBeCloseTo(4 * (0.5 + 0.25), 12)
    expect(statistics?.sumSq).toBeCloseTo(8 * (0.5 + 0.25), 12)
    expect(statistics?.totals.decisions).toBe(20)
  })

  it("weighs the current second fully and never more", () => {
    const discount = { memory: { kind: "discount", halfLifeSeconds: 1 } } as const
    expect(variantsOf([decided(0)], discount)).toMatchObject([{ n: 10 }])
    expect(variantsOf([decided(-5)], discount)).toMatchObject([{ n: 10 }])
  })

  it("discounts no pending decision", () => {
    const discount = {
      maturation: { kind: "window", seconds: 600 },
      memory: { kind: "discount", halfLifeSeconds: 1 },
    } as const
    expect(variantsOf([decided(300)], discount)).toMatchObject([{ pending: 10, n: 0 }])
  })
})

it("counts each decision as matured or pending when it remembers everything", () => {
  const rows = fc.array(
    fc.record({
      variant: fc.constantFrom("a", "b"),
      secondsAgo: fc.nat(10_000),
      widthSeconds: fc.constantFrom(1, 10, 60, 600, 3_600),
      count: fc.nat(1_000),
    }),
  )
  fc.assert(
    fc.property(rows, fc.nat(10_000), (counters, seconds) => {
      const all = counters.map(({ secondsAgo, ...counter }) => decided(secondsAgo, counter))
      for (const { n, pending, totals } of variantsOf(all, { maturation: { kind: "window", seconds } })) {
        expect(n + pending).toBe(totals.decisions)
      }
    }),
  )
})
