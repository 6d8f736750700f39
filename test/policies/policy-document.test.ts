import { describe, expect, it } from "vitest"
import * as z from "zod"
import { namedArms, parsePolicy } from "#policies/policy-document.ts"
import { findPolicy, isPolicyKind, POLICIES, POLICY_KINDS, policySchema } from "#policies/registry.ts"

function issues(input: unknown): string[] {
  const parsed = parsePolicy(input)
  return parsed.ok ? [] : parsed.issues.map(({ path, message }) => `${path.join(".")}: ${message}`)
}

it("fills defaults and freezes all of it", () => {
  const parsed = parsePolicy({ kind: "thompson", minPropensity: 0.02, prior: { alpha: 0.5 } })
  expect(parsed).toEqual({
    ok: true,
    policy: {
      kind: "thompson",
      minPropensity: 0.02,
      burnInDecisions: 0,
      newcomerShare: 0.2,
      params: { prior: { alpha: 0.5, beta: 1 } },
    },
  })
  const frozen =
    parsed.ok && [parsed.policy, parsed.policy.params, ...Object.values(parsed.policy.params)].every(Object.isFrozen)
  expect(frozen).toBe(true)
})

it.each([
  [{ kind: "static" }, {}],
  [{ kind: "epsilon-greedy" }, {}],
  [{ kind: "thompson-gaussian" }, { prior: { kappa: 1 } }],
  [{ kind: "kl-ucb" }, { c: 0 }],
  [{ kind: "softmax" }, { temperature: 0.1 }],
  [{ kind: "top-two" }, { prior: { alpha: 1, beta: 1 }, beta: 0.5 }],
])("knows the defaults of %o", (document, params) => {
  expect(parsePolicy(document)).toEqual({
    ok: true,
    policy: { ...document, minPropensity: 0, burnInDecisions: 0, newcomerShare: 0.2, params },
  })
})

it("says at which path something is wrong", () => {
  expect(issues({ kind: "thompson", prior: { alpha: 0, beta: "1" } })).toEqual([
    expect.stringContaining("prior.alpha: "),
    expect.stringContaining("prior.beta: "),
  ])
  expect(issues({ kind: "canary" })).toEqual([
    expect.stringContaining("challenger: "),
    expect.stringContaining("share: "),
  ])
  expect(issues({ kind: "softmax", temperature: 0, minPropensity: 2, burnInDecisions: 1.5 })).toHaveLength(3)
  expect(issues({ kind: "epsilon-greedy", epsilon: 0.1, decay: 5 })).toEqual([
    "decay: Give `epsilon` or `decay`, not both",
  ])
})

it("refuses keys that the policy doesn't have, other policies' among them", () => {
  expect(issues({ kind: "thompson", epsilon: 0.1 })).toEqual([': Unrecognized key: "epsilon"'])
  expect(issues({ kind: "thompson", prior: { alpha: 1, gamma: 1 } })).toEqual(['prior: Unrecognized key: "gamma"'])
})

it("lists the kinds when the kind is unknown", () => {
  for (const input of [{ kind: "thomson" }, {}])
    expect(issues(input)).toEqual([`kind: Unknown policy kind; there are ${POLICY_KINDS.join(", ")}`])
  for (const input of [null, "thompson", 7, []]) expect(issues(input)).toHaveLength(1)
})

it("names the arms that parameters refer to", () => {
  const parsed = parsePolicy({ kind: "canary", challenger: "new", share: 0.05 })
  expect(parsed.ok && namedArms(parsed.policy)).toEqual([["challenger", "new"]])
})

it("prints a JSON schema with one alternative per kind", () => {
  const printed = z.toJSONSchema(policySchema, { io: "input" })
  const kinds = z
    .object({ oneOf: z.array(z.object({ properties: z.object({ kind: z.object({ const: z.string() }) }) })) })
    .parse(printed)
  expect(kinds.oneOf.map(({ properties }) => properties.kind.const)).toEqual(POLICY_KINDS)
})

describe("the registry", () => {
  it("lists each policy under its own kind", () => {
    for (const kind of POLICY_KINDS) expect(findPolicy(kind).kind).toBe(kind)
    expect(POLICY_KINDS).toHaveLength(Object.keys(POLICIES).length)
  })

  it("doesn't take what every object has for a kind", () => {
    expect(["constructor", "toString", "__proto__", ""].some(isPolicyKind)).toBe(false)
  })
})
