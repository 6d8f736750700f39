import { describe, expect, it } from "vitest"
import {
  firstLineage,
  type Lineage,
  nextLineage,
  rescaledMetrics,
  type SeriesReason,
  type SeriesWishes,
  seriesSteps,
} from "#src/domain/series.ts"
import { experimentOf } from "./snapshot-of.ts"

type Changes = Readonly<Record<string, unknown>>

function variant(id: string, changes: Changes = {}) {
  return { id, backend: { kind: "embedded", model: "m" }, ...changes }
}

const AT = Date.UTC(2026, 10, 21, 12)

/** The lineage after a row of documents, the first of them new. */
function after(...documents: readonly Changes[]): Lineage {
  const [first = {}, ...rest] = documents
  let experiment = experimentOf(first)
  let lineage = firstLineage(experiment)
  for (const changes of rest) {
    const next = experimentOf(changes)
    lineage = nextLineage({ experiment, lineage }, next, AT)
    experiment = next
  }
  return lineage
}

it("begins every variant's series and the epoch at 1", () => {
  expect(after({})).toMatchObject({ series: { a: 1, b: 1 }, epoch: 1 })
})

it.each<[string, Changes]>([
  ["nothing", {}],
  ["a description", { description: "more words" }],
  ["a policy's parameter", { policy: { kind: "thompson", minPropensity: 0.1, prior: { alpha: 2, beta: 3 } } }],
  ["the name of a variant's fallback", { fallback: "b" }],
  ["floor and burn-in", { policy: { kind: "thompson", minPropensity: 0.2, burnInDecisions: 50 } }],
  ["memory and refresh", { memory: { kind: "window", seconds: 60 }, refreshSeconds: 5 }],
  ["a salt without a holdout", { holdoutSalt: "q4" }],
  ["a further metric", { metrics: [{ id: "revenue", kind: "value", bounds: [0, 500] }] }],
])("keeps series and epoch when %s changes", (_, changes) => {
  expect(after({}, changes)).toMatchObject({ series: { a: 1, b: 1 }, epoch: 1 })
})

describe("a series", () => {
  it("rises for the variant whose backend changed, and for no other", () => {
    const changed = { variants: [variant("a"), variant("b", { backend: { kind: "embedded", model: "other" } })] }
    expect(after({}, changed).series).toEqual({ a: 1, b: 2 })
  })

  it.each<[string, Changes]>([
    ["kind", { kind: "value" }],
    ["aggregation", { aggregation: "last" }],
    ["window", { attributionWindowSeconds: 60 }],
    ["maturation", { maturation: "window" }],
    ["rule of failures", { failures: "exclude" }],
    ["name, which nothing was counted under,", { metric: "order" }],
  ])("rises for all when the %s of the metric changes", (_, reward) => {
    expect(after({}, { reward }).series).toEqual({ a: 2, b: 2 })
  })

  it("rises for all when a further metric's bounds change, also while it was away", () => {
    const metrics = (high: number) => ({ metrics: [{ id: "revenue", kind: "value", bounds: [0, high] }] })
    expect(after(metrics(500), metrics(100)).series).toEqual({ a: 2, b: 2 })
    expect(after(metrics(500), {}, metrics(500)).series).toEqual({ a: 1, b: 1 })
    expect(after(metrics(500), {}, metrics(100)).series).toEqual({ a: 2, b: 2 })
  })

  it("is kept when another metric is learned from, both meaning what they meant", () => {
    const clicks = { reward: { metric: "click" }, metrics: [{ id: "order" }] }
    const orders = { reward: { metric: "order" }, metrics: [{ id: "click" }] }
    expect(after(clicks, orders).series).toEqual({ a: 1, b: 1 })
  })

  it("is never used again by a variant that left and came back", () => {
    const alone = { variants: [variant("a")] }
    expect(after({}, alone).series).toEqual({ a: 1, b: 1 })
    expect(after({}, alone, {}).series).toEqual({ a: 1, b: 2 })
    expect(after({}, alone, {}, alone, {}).series).toEqual({ a: 1, b: 3 })
  })

  it("starts at 1 for a variant that was never there", () => {
    expect(after({}, { variants: ["a", "b", "c"].map((id) => variant(id)) }).series).toEqual({ a: 1, b: 1, c: 1 })
  })

  it("rises for a variant that is reset", () => {
    const experiment = experimentOf()
    const lineage = firstLineage(experiment)
    expect(nextLineage({ experiment, lineage }, experiment, AT, { reset: new Set(["b"]) })).toMatchObject({
      series: { a: 1, b: 2 },
      epoch: 1,
    })
  })

  it("goes on in spite of a change where somebody keeps it, and says so", () => {
    const experiment = experimentOf()
    const previous = { experiment, lineage: firstLineage(experiment) }
    const other = { kind: "embedded", model: "other" }
    const next = experimentOf({
      variants: [variant("a", { backend: other }), variant("b", { backend: other }), variant("c")],
    })
    const wishes = { keep: new Set(["a", "c"]), reset: new Set(["b"]) }
    expect(seriesSteps(previous, next, wishes)).toEqual([
      { variant: "a", before: 1, after: 1, why: "kept_on_request" },
      { variant: "b", before: 1, after: 2, why: "reset" },
      { variant: "c", before: 0, after: 1, why: "new_variant" },
    ])
  })

  it.each<[SeriesReason, Changes, SeriesWishes]>([
    ["kept", { description: "words" }, {}],
    ["backend_changed", { variants: [variant("a", { backend: { kind: "embedded", model: "o" } }), variant("b")] }, {}],
    ["model_replaced", {}, { replaced: new Set(["a"]) }],
    ["metric_changed", { reward: { kind: "value" } }, {}],
    ["reset", {}, { reset: new Set(["a"]) }],
  ])("says %s where that is why", (why, changes, wishes) => {
    const experiment = experimentOf()
    const [step] = seriesSteps({ experiment, lineage: firstLineage(experiment) }, experimentOf(changes), wishes)
    expect(step).toEqual({ variant: "a", before: 1, after: why === "kept" ? 1 : 2, why })
  })

  it("knows which metrics are added up in other units now", () => {
    const experiment = experimentOf({ metrics: [{ id: "revenue", kind: "value", bounds: [-5, 100] }] })
    const lineage = firstLineage(experiment)
    const bounds = (low: number, high: number) =>
      experimentOf({ metrics: [{ id: "revenue", kind: "value", bounds: [low, high] }, { id: "order" }] })
    expect(rescaledMetrics({ lineage }, bounds(0, 100))).toEqual([])
    expect(rescaledMetrics({ lineage }, bounds(-5, 200))).toEqual(["revenue"])
  })

  it("does not rise because fields are written in another order, or stored and read", () => {
    const experiment = experimentOf()
    const lineage: Lineage = JSON.parse(JSON.stringify(firstLineage(experiment)))
    const reordered = experimentOf({
      variants: ["a", "b"].map((id) => ({ backend: { model: "m", kind: "embedded" }, id })),
    })
    expect(nextLineage({ experiment, lineage }, reordered, AT)).toEqual(lineage)
  })

  it("stops at what a token has room for", () => {
    const experiment = experimentOf()
    const lineage = { ...firstLineage(experiment), series: { a: 999_999, b: 1 } }
    expect(nextLineage({ experiment, lineage }, experiment, AT, { reset: new Set(["a"]) }).series).toEqual({
      a: 999_999,
      b: 1,
    })
  })
})

it.each<[string, Changes]>([
  ["a weight", { variants: [variant("a", { weight: 3 }), variant("b")] }],
  ["whether a variant is enabled", { variants: [variant("a"), variant("b", { enabled: false })] }],
  ["the variants", { variants: [variant("a"), variant("b"), variant("c")] }],
  ["the status", { status: "paused" }],
  ["the stickiness", { stickiness: "request" }],
  ["the holdout", { holdout: 0.1 }],
  ["the policy", { policy: { kind: "static" } }],
])("begins an epoch when %s changes", (_, changes) => {
  expect(after({}, changes).epoch).toBe(2)
  expect(after({}, changes, changes).epoch).toBe(2)
  expect(after({}, changes, {}).epoch).toBe(3)
})

it("begins an epoch when a canary's share or challenger changes, or the salt of a holdout", () => {
  const canary = (share: number, challenger: string) => ({ policy: { kind: "canary", share, challenger } })
  expect(after(canary(0.01, "b"), canary(0.05, "b"), canary(0.05, "a")).epoch).toBe(3)
  expect(after({ holdout: 0.1 }, { holdout: 0.1, holdoutSalt: "q4" }).epoch).toBe(2)
})

it("begins every series and the epoch anew for an experiment that had been removed", () => {
  const experiment = experimentOf({})
  const lineage = firstLineage(experiment)
  expect(nextLineage({ experiment: null, lineage }, experiment, AT)).toMatchObject({ series: { a: 2, b: 2 }, epoch: 2 })
})

describe("given a variant that is enabled again", () => {
  const withB = (changes: Changes) => ({ variants: [variant("a"), variant("b", changes)] })

  it("says since when, for as long as its series lasts", () => {
    const again = after(withB({}), withB({ enabled: false }), withB({}))
    expect(again).toMatchObject({ series: { b: 1 }, enabledSince: { b: AT / 1000 } })
    expect(after(withB({}), withB({ enabled: false }), withB({}), { holdout: 0.1 })).toMatchObject({
      enabledSince: { b: AT / 1000 },
    })
    const other = { backend: { kind: "embedded", model: "other" } }
    expect(after(withB({}), withB({ enabled: false }), withB({}), withB(other))).not.toHaveProperty("enabledSince")
  })

  it("says nothing of one whose series begins with it", () => {
    expect(after(withB({}), withB({ enabled: false }))).not.toHaveProperty("enabledSince")
    const other = { backend: { kind: "embedded", model: "other" } }
    expect(after(withB({ enabled: false }), withB(other))).not.toHaveProperty("enabledSince")
    expect(after({ variants: [variant("a")] }, withB({}))).not.toHaveProperty("enabledSince")
  })
})
