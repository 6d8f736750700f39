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
      { variants: [{ ...document.variants[0], backend: { kind: "http", target: "http://169.254.169.254/" } }] },
      /^variants\.0\.backend\.target: must be 1 to 64 letters/,
    ],
    [
      {
        variants: [
          document.variants[0],
          { ...document.variants[1], backend: { kind: "sagemaker", target: "t", mode: "async" } },
        ],
      },
      /^variants\.1\.backend\.mode: must be async for all variants or for none/,
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

  it("refuses a weight of 0 where the burn-in needs one, and only there", () => {
    const weightless = [document.variants[0], { ...document.variants[1], weight: 0 }]
    const policy = { kind: "thompson", burnInDecisions: 100 }
    expect(issuesOf({ variants: weightless, policy })).toEqual([
      "variants.1.weight: must be above 0: burnInDecisions gives each variant its first decisions by its weight",
    ])
    const disabled = [document.variants[0], { ...document.variants[1], weight: 0, enabled: false }]
    expect(issuesOf({ variants: disabled, policy })).toEqual([])
    expect(issuesOf({ variants: weightless, policy: { kind: "thompson" } })).toEqual([])
    expect(issuesOf({ variants: weightless, policy: { kind: "static", burnInDecisions: 100 } })).toEqual([])
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

describe("given several mistakes", () => {
  it("says what doesn't fit together beside what has the wrong shape", () => {
    const issues = issuesOf({
      holdout: 2,
      variants: [
        { id: "champion", weight: "much", backend: { kind: "embedded", model: "a" } },
        { id: "champion", backend: { kind: "embeded", model: "b" } },
      ],
      control: "champoin",
      fallback: "nobody",
      policy: { kind: "thompson", minPropensity: 0.6, prior: { alfa: 1 } },
      reward: { kind: "value", bounds: [1, 0], aggregation: "frist" },
    })
    for (const expected of [
      /^holdout: /,
      /^variants\.0\.weight: must be a number/,
      /^variants\.1\.id: is used twice/,
      /^variants\.1\.backend\.kind: must be embedded, http or sagemaker; did you mean "embedded"\?/,
      /^control: must be the id of one of the variants: champion; did you mean "champion"\?/,
      /^fallback: must be the id/,
      /^policy\.minPropensity: times 2 enabled variants must not exceed 1: at most 0\.5/,
      /^policy\.prior\.alfa: unknown field "alfa"; did you mean "alpha"\?/,
      /^reward\.bounds: the first bound/,
      /^reward\.aggregation: must be first or last or sum or max; did you mean "first"\?/,
    ]) {
      expect(issues).toContainEqual(expect.stringMatching(expected))
    }
    expect(issues).toHaveLength(10)
  })

  it("blames nothing on a field that is wrong itself", () => {
    const issues = issuesOf({
      variants: [{ ...document.variants[0], id: 7 }, document.variants[1]],
      policy: { kind: "thompson", minPropensity: "0.9" },
      reward: { bounds: "0 to 5" },
    })
    expect(issues.map((issue) => issue.replace(/:.*/, ""))).toEqual([
      "variants.0.id",
      "policy.minPropensity",
      "reward.bounds",
    ])
  })

  it("says which field is missing and which was probably meant", () => {
    const { control: _, ...rest } = document
    const parsed = parseExperiment({ ...rest, contrl: "champion", polcy: { kind: "static" } })
    expect(parsed.ok ? [] : parsed.issues).toEqual([
      { path: ["control"], message: "is required: text" },
      { path: ["contrl"], message: 'unknown field "contrl"; did you mean "control"?' },
      { path: ["polcy"], message: 'unknown field "polcy"; did you mean "policy"?' },
    ])
  })

  it("suggests the policy and the parameter that are near", () => {
    expect(issuesOf({ policy: { kind: "thomson", minPropensity: 0.9 } })).toEqual([
      expect.stringMatching(/^policy\.kind: .*; did you mean "thompson"\?$/),
      expect.stringMatching(/^policy\.minPropensity: times 2/),
    ])
    expect(issuesOf({ policy: { kind: "thompson", min_propensity: 0.1 } })).toEqual([
      'policy.min_propensity: unknown field "min_propensity"; did you mean "minPropensity"?',
    ])
  })
})

it.each([null, 1, "text", []])("refuses %j as a document", (value) => {
  expect(parseExperiment(value).ok).toBe(false)
})
