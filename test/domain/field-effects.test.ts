import { describe, expect, it } from "vitest"
import { type FieldEffect, fieldEffect } from "#src/domain/field-effects.ts"
import { firstLineage, nextLineage } from "#src/domain/series.ts"
import { experimentOf } from "./snapshot-of.ts"

type Changes = Readonly<Record<string, unknown>>

const variant = (id: string, changes: Changes = {}) => ({ id, backend: { kind: "embedded", model: "m" }, ...changes })
const REVENUE = { id: "revenue", kind: "value", bounds: [0, 100] }
const BEFORE = { holdout: 0.1, metrics: [REVENUE] }

/** What publishing a change of one field does to statistics, by the rules that publishing goes by. */
function effectOf(changes: Changes, before: Changes = {}): FieldEffect {
  const experiment = experimentOf({ ...BEFORE, ...before })
  const lineage = firstLineage(experiment)
  const next = nextLineage({ experiment, lineage }, experimentOf({ ...BEFORE, ...before, ...changes }), 0)
  const begun = ["a", "b"].filter((id) => next.series[id] !== lineage.series[id]).length
  if (begun > 0) return begun === 2 ? "begins all" : "begins the variant"
  return next.epoch === lineage.epoch ? "keeps" : "compares anew"
}

const canary = (changes: Changes = {}) => ({ policy: { kind: "canary", challenger: "b", share: 0.1, ...changes } })

describe("the effect that is documented of a field", () => {
  it.each<[string, Changes, Changes?]>([
    ["description", { description: "words" }],
    ["status", { status: "paused" }],
    ["schedule", { schedule: { endAt: "2030-01-01T00:00:00Z" } }],
    ["schedule.endAt", { schedule: { endAt: "2030-01-01T00:00:00Z" } }],
    ["stickiness", { stickiness: "request" }],
    ["variants[].weight", { variants: [variant("a", { weight: 3 }), variant("b")] }],
    ["variants[].enabled", { variants: [variant("a"), variant("b", { enabled: false })] }],
    ["variants[].backend", { variants: [variant("a", { backend: { kind: "embedded", model: "o" } }), variant("b")] }],
    [
      "variants[].backend.model",
      { variants: [variant("a", { backend: { kind: "embedded", model: "o" } }), variant("b")] },
    ],
    ["control", { control: "b", fallback: "a" }],
    ["fallback", { fallback: "b" }],
    ["policy.kind", { policy: { kind: "ucb1" } }],
    ["policy.minPropensity", { policy: { kind: "thompson", minPropensity: 0.1 } }],
    ["policy.burnInDecisions", { policy: { kind: "thompson", burnInDecisions: 10 } }],
    ["policy.prior.alpha", { policy: { kind: "thompson", prior: { alpha: 2, beta: 1 } } }],
    ["policy.share", canary({ share: 0.2 }), canary()],
    ["policy.challenger", canary({ challenger: "a" }), canary()],
    ["reward.metric", { reward: { metric: "other" } }],
    ["reward.kind", { reward: { kind: "value" } }],
    ["reward.aggregation", { reward: { aggregation: "last" } }],
    ["reward.attributionWindowSeconds", { reward: { attributionWindowSeconds: 60 } }],
    ["reward.maturation", { reward: { maturation: "window" } }],
    ["reward.failures", { reward: { failures: "exclude" } }],
    ["metrics", { metrics: [REVENUE, { id: "order" }] }],
    ["metrics[].id", { metrics: [{ ...REVENUE, id: "profit" }] }],
    ["metrics[].bounds", { metrics: [{ ...REVENUE, bounds: [0, 50] }] }],
    ["metrics[].aggregation", { metrics: [{ ...REVENUE, aggregation: "sum" }] }],
    ["memory", { memory: { kind: "window", seconds: 60 } }],
    ["refreshSeconds", { refreshSeconds: 5 }],
    ["deadlineMs", { deadlineMs: 50 }],
    ["holdout", { holdout: 0.2 }],
    ["holdoutSalt", { holdoutSalt: "q4" }],
    ["logFeatures", { logFeatures: ["hour"] }],
  ])("%s is what publishing it does", (path, changes, before) => {
    expect(fieldEffect(path)).toBe(effectOf(changes, before))
  })
})
