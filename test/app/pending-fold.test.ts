import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { PendingFold } from "#src/app/pending-fold.ts"
import type { ChoiceFacts } from "#src/domain/decision-facts.ts"
import { estimateUnits } from "#src/domain/unit-sketch.ts"
import { rewardEvent } from "#test/outcomes.ts"

const END = { file: 1, offset: 20, hash: "" }

function choice(variant: string, parts: Partial<ChoiceFacts> = {}): ChoiceFacts {
  return {
    cohort: "learned",
    variant,
    series: 1,
    propensityNanos: 250_000_000,
    weighted: false,
    allocation: ALLOCATION,
    ...parts,
  }
}

const ALLOCATION = {
  experiment: "e",
  epoch: 3,
  variants: [
    { variant: "a", series: 1, nanos: 250_000_000 },
    { variant: "b", series: 2, nanos: 750_000_000 },
  ],
}

const A = choice("a")

function decision(
  second: number,
  parts: { readonly unit?: string; readonly failed?: boolean; readonly call?: number } = {},
  of = A,
) {
  const facts = {
    experiment: "e",
    choice: of,
    second,
    group: 5,
    unit: "AAAAAAAAAAAAAAAAAAAAAA",
    failed: false,
    call: undefined,
    ...parts,
  }
  return { kind: "decision", facts } as const
}

it("is empty before anything was added, and after everything was taken", () => {
  const pending = new PendingFold("e")
  expect(pending.isEmpty).toBe(true)
  pending.add(decision(1))
  expect(pending.isEmpty).toBe(false)
  pending.take("log", undefined, END)
  expect(pending.isEmpty).toBe(true)
})

it("adds decisions up by counter and keeps rewards in log order", () => {
  const pending = new PendingFold("e")
  const rewards = [rewardEvent({ decisionId: "D2" }), rewardEvent({ decisionId: "D1" })]
  for (const second of [1, 2, 1]) pending.add(decision(second))
  for (const event of rewards) pending.add({ kind: "reward", event })
  expect(pending.rewards).toBe(2)
  const batch = pending.take("log", undefined, END)
  expect(batch.counters.map(({ key, delta }) => [key.metric, key.bucket, delta.count])).toEqual([
    ["", 1, 2],
    ["", 2, 1],
  ])
  expect(batch).toMatchObject({ experiment: "e", log: "log", from: undefined, end: END, rewards })
  expect(pending.rewards).toBe(0)
})

describe("given decisions that are learned from", () => {
  it("adds every variant's allocated probability, and the chosen one's decisions, by group, hour and epoch", () => {
    const pending = new PendingFold("e")
    for (let i = 0; i < 3; i++) pending.add(decision(3_700 + i))
    const { groups } = pending.take("log", undefined, END)
    expect(groups.map(({ key, delta }) => ({ ...key, ...delta }))).toEqual([
      { ...PLACE, variant: "a", series: 1, count: 3, sum: 0, sumSq: 0, weighted: 0, allocated: 0 },
      { ...PLACE, variant: "a", series: 1, count: 0, sum: 0, sumSq: 0, weighted: 0, allocated: 750_000_000 },
      { ...PLACE, variant: "b", series: 2, count: 0, sum: 0, sumSq: 0, weighted: 0, allocated: 2_250_000_000 },
    ])
  })

  it("weights decisions by their propensity only where every request is drawn anew", () => {
    const pending = new PendingFold("e")
    pending.add(decision(1, {}, choice("a", { weighted: true })))
    const [chosen] = pending.take("log", undefined, END).groups
    expect(chosen?.delta.weighted).toBe(4_000_000)
  })

  it("counts a decision that its variant did not answer, as a metric of its own", () => {
    const pending = new PendingFold("e")
    pending.add(decision(1))
    pending.add(decision(1, { failed: true }))
    const { counters, groups } = pending.take("log", undefined, END)
    expect(counters.map(({ key, delta }) => [key.metric, delta])).toEqual([
      ["", { count: 2, sum: 0, sumSq: 0 }],
      ["error", { count: 1, sum: 1_000_000, sumSq: 1_000_000_000 }],
    ])
    expect(groups.filter(({ key }) => key.metric === "error")).toHaveLength(1)
  })

  it("counts units by a sketch of the variant and day", () => {
    const pending = new PendingFold("e")
    for (let unit = 0; unit < 50; unit++) {
      const pseudonym = createHash("sha256").update(String(unit)).digest("base64url")
      for (let visit = 0; visit < 3; visit++) pending.add(decision(1, { unit: pseudonym }))
    }
    pending.add(decision(86_400))
    const { sketches } = pending.take("log", undefined, END)
    expect(sketches.map(({ variant, series, day }) => [variant, series, day])).toEqual([
      ["a", 1, 0],
      ["a", 1, 86_400],
    ])
    expect(estimateUnits(sketches[0]?.sketch ?? new Uint8Array())).toBeCloseTo(50, -1)
  })
})

const PLACE = { experiment: "e", metric: "", epoch: 3, hour: 3_600, group: 5 }

it.each(["holdout", "excluded"] as const)(
  "keeps decisions of the cohort %s out of group rows and sketches",
  (cohort) => {
    const pending = new PendingFold("e")
    pending.add(decision(1, {}, choice("a", { cohort })))
    const batch = pending.take("log", undefined, END)
    expect(batch.counters.map(({ key }) => key.cohort)).toEqual([cohort])
    expect([batch.groups, batch.sketches]).toEqual([[], []])
  },
)

it("stays small however long nothing is taken, and loses no decision", () => {
  const pending = new PendingFold("e")
  const seconds = 250_000
  for (let second = 0; second < seconds; second++) pending.add(decision(second))
  const { counters } = pending.take("log", undefined, END)
  expect(counters.length).toBeLessThan(110_000)
  expect(counters.reduce((sum, { delta }) => sum + delta.count, 0)).toBe(seconds)
})
