import { describe, expect, it } from "vitest"
import { parseExperiment } from "#src/domain/experiment.ts"

const document = {
  id: "banner-ctr",
  variants: [
    { id: "champion", weight: 0.5, backend: { kind: "embedded", model: "ctr-raw" } },
    { id: "challenger", weight: 0.5, backend: { kind: "embedded", model: "ctr-prefixed" } },
  ],
  control: "champion",
  policy: { kind: "thompson" },
}

function issuesOf(changes: Record<string, unknown>): string[] {
  const parsed = parseExperiment({ ...document, ...changes })
  return parsed.ok ? [] : parsed.issues.map(({ path, message }) => `${path.join(".")}: ${message}`)
}

it("fills the defaults and freezes the document to its leaves", () => {
  const parsed = parseExperiment(document)
  if (!parsed.ok) throw new Error("the document is valid")
  expect(parsed.experiment).toMatchObject({
    status: "running",
    stickiness: "unit",
    fallback: "champion",
    memory: { kind: "all" },
    refreshSeconds: 1,
    holdout: 0,
    reward: { metric: "reward", kind: "binary", bounds: [0, 1], aggregation: "first", attributionWindowSeconds: 3600 },
  })
  expect(Object.isFrozen(parsed.experiment.variants[0]?.backend)).toBe(true)
})

describe("given one mistake", () => {
  it.each([
    [{ id: "Banner" }, /^id: must be 1 to 63 lower-case/],
    [{ id: "a".repeat(64) }, /^id: must be/],
    [{ polcy: {} }, /^polcy: unknown field/],
    [
      { variants: [{ ...document.variants[0], backend: { kind: "http", target: "x" } }] },
      /^variants\.0\.backend\.kind: must be embedded, the only kind/,
    ],
    [{ control: "nobody" }, /^control: must be the id of one of the variants: champion, challenger/],
    [{ fallback: "nobody" }, /^fallback: must be the id/],
    [{ holdout: 1.5 }, /^holdout: /],
    [{ policy: { kind: "tompson" } }, /^policy.kind: .*thompson/],
    [{ policy: { kind: "thompson", minPropensity: 0.6 } }, /^policy.minPropensity: times 2 enabled variants/],
    [{ policy: { kind: "canary", challenger: "nobody", share: 0.1 } }, /^policy.challenger: must be the id/],
    [{ reward: { kind: "value", bounds: [0, 50] } }, /^policy.kind: thompson needs rewards between 0 and 1/],
    [{ reward: { bounds: [0, 2] } }, /^reward.bounds: must be \[0, 1\] for binary/],
    [{ reward: { aggregation: "sum" } }, /^reward.aggregation: /],
    [{ reward: { kind: "value", bounds: [1, 0] } }, /^reward.bounds: the first bound/],
    [{ guardrails: [{}] }, /^guardrails.0: guardrails are not supported yet/],
  ])("names the place and what would be right: %j", (changes, expected) => {
    expect(issuesOf(changes).join("\n")).toMatch(expected)
  })

  it("refuses variant ids that differ only in case", () => {
    const twice = [document.variants[0], { ...document.variants[1], id: "CHAMPION" }]
    expect(issuesOf({ variants: twice }).join("\n")).toMatch(/^variants\.1\.id: is used twice/)
  })

  it("refuses weights that are all 0, and a control that is disabled", () => {
    expect(issuesOf({ variants: document.variants.map((v) => ({ ...v, weight: 0 })) }).join()).toMatch(
      /needs a weight above 0/,
    )
    const disabled = [{ ...document.variants[0], enabled: false }, document.variants[1]]
    expect(issuesOf({ variants: disabled }).join()).toMatch(/control: must be an enabled variant/)
  })

  it.each(["__proto__", "a b", "é", "", "x".repeat(33)])("refuses the variant id %j", (id) => {
    expect(issuesOf({ variants: [{ ...document.variants[0], id }], control: id })).not.toEqual([])
  })
})

it("reports every mistake at once", () => {
  expect(issuesOf({ id: "X", holdout: -1, control: 7 }).length).toBeGreaterThanOrEqual(3)
})

it.each([null, 1, "text", []])("refuses %j as a document", (value) => {
  expect(parseExperiment(value).ok).toBe(false)
})
