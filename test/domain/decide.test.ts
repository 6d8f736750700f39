import { describe, expect, it } from "vitest"
import type { Choice } from "#src/domain/choice.ts"
import { type DecideRequest, decide } from "#src/domain/decide.ts"
import type { ContextualPlan } from "#src/domain/plan.ts"
import { allocationFor, type Snapshot } from "#src/domain/snapshot.ts"
import { snapshotOf } from "./snapshot-of.ts"

const units = Array.from({ length: 20_000 }, (_, i) => `unit-${i}`)

function decideFor(snapshot: Snapshot, unitId: string, changes: Partial<DecideRequest> = {}): Choice {
  return decide(snapshot, { decisionId: `d-${unitId}`, unitId, context: undefined, forcedIndex: undefined, ...changes })
}

it("gives a unit the variant that the allocation draws, with the allocation's own propensity", () => {
  const snapshot = snapshotOf()
  const choices = units.map((unit) => decideFor(snapshot, unit))
  const share = choices.filter(({ variant }) => variant === "b").length / units.length
  expect(Math.abs(share - 0.75)).toBeLessThan(4 * Math.sqrt((0.75 * 0.25) / units.length))
  for (const { propensity, allocation, index, learn } of choices) {
    expect([propensity, learn]).toEqual([allocation[index], true])
    expect(allocation).toBe(allocationFor(snapshot))
  }
})

it("keeps a holdout of the configured share on the control, apart from the draw, and learns nothing from it", () => {
  const snapshot = snapshotOf({ holdout: 0.1 })
  const choices = units.map((unit) => decideFor(snapshot, unit))
  const held = choices.filter(({ reason }) => reason === "holdout")
  expect(Math.abs(held.length / units.length - 0.1)).toBeLessThan(4 * Math.sqrt(0.09 / units.length))
  expect(held.every(({ variant, propensity, learn }) => variant === "a" && propensity === 1 && !learn)).toBe(true)
  const rest = choices.filter(({ reason }) => reason === "policy")
  const share = rest.filter(({ variant }) => variant === "b").length / rest.length
  expect(Math.abs(share - 0.75)).toBeLessThan(4 * Math.sqrt((0.75 * 0.25) / rest.length))
})

describe("given request stickiness", () => {
  const snapshot = snapshotOf({ holdout: 0.5, stickiness: "request" })
  const visits = (unitId: string | undefined) =>
    Array.from({ length: 50 }, (_, i) => decideFor(snapshot, "", { unitId, decisionId: `d${i}` }))

  it("holds out by the unit where there is one, and draws the rest by the decision", () => {
    const histories = units.slice(0, 50).map((unit) => ({
      reasons: new Set(visits(unit).map(({ reason }) => reason)),
      variants: new Set(visits(unit).map(({ variant }) => variant)),
    }))
    for (const { reasons } of histories) expect(reasons.size).toBe(1)
    const drawn = histories.filter(({ reasons }) => reasons.has("policy"))
    expect(drawn.length).toBeGreaterThan(0)
    expect(drawn.length).toBeLessThan(histories.length)
    for (const { variants } of drawn) expect(variants.size).toBe(2)
  })

  it("holds out by the decision where there is no unit", () => {
    expect(new Set(visits(undefined).map(({ reason }) => reason)).size).toBe(2)
  })
})

it("holds out the same units in experiments that share a salt, the smaller share inside the larger, and others in those that don't", () => {
  const heldBy = (changes: Readonly<Record<string, unknown>>) => {
    const snapshot = snapshotOf(changes)
    return new Set(units.filter((unit) => decideFor(snapshot, unit).reason === "holdout"))
  }
  const first = heldBy({ holdout: 0.1, holdoutSalt: "q4" })
  const wider = heldBy({ id: "other", holdout: 0.2, holdoutSalt: "q4" })
  const own = heldBy({ holdout: 0.1 })
  expect([...first].every((unit) => wider.has(unit))).toBe(true)
  const both = [...first].filter((unit) => own.has(unit)).length
  expect(Math.abs(both / units.length - 0.01)).toBeLessThan(4 * Math.sqrt(0.0099 / units.length))
})

it.each(["draft", "paused", "concluded"])("gives everyone the control while the experiment is %s", (status) => {
  const snapshot = snapshotOf({ status })
  for (const unit of units.slice(0, 100)) {
    expect(decideFor(snapshot, unit)).toMatchObject({ variant: "a", reason: "paused", propensity: 1, learn: false })
  }
})

it("lets a forced variant win over everything, unlearned", () => {
  const snapshot = snapshotOf({ status: "paused", holdout: 1 })
  expect(decideFor(snapshot, "u", { forcedIndex: 1 })).toMatchObject({
    variant: "b",
    reason: "forced",
    propensity: 1,
    allocation: [0, 1],
    learn: false,
  })
})

describe("given a contextual plan", () => {
  /** Leans towards `b` by what the state says of the context's segment. */
  const plan: ContextualPlan = {
    kind: "contextual",
    policy: {
      allocate: (context, state, params) => {
        const known = state as Readonly<Record<string, number>>
        const { otherwise } = params as { readonly otherwise: number }
        const share = known[String(context["segment"])] ?? otherwise
        return [1 - share, share]
      },
    },
    state: { mobile: 0.9, desktop: 1 / 3 },
    params: { otherwise: 0.5 },
    reason: "policy",
  }
  const snapshot = snapshotOf({ holdout: 0.1 }, plan)

  it("draws each request from the allocation of its own context, whose entry is the propensity", () => {
    for (const [context, share] of [
      [{ segment: "mobile" }, 0.9],
      [{ segment: "desktop" }, 0.333333333],
      [undefined, 0.5],
    ] as const) {
      const choices = units.map((unit) => decideFor(snapshot, unit, { context })).filter(({ learn }) => learn)
      const chosen = choices.filter(({ variant }) => variant === "b").length / choices.length
      expect(Math.abs(chosen - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / choices.length))
      for (const { allocation, propensity, index } of choices.slice(0, 100)) {
        expect(allocation[1]).toBe(share)
        expect(propensity).toBe(allocation[index])
      }
    }
  })

  it("moves a unit between contexts only as far as the allocations differ", () => {
    const variantsIn = (segment: string) =>
      units.map((unit) => decideFor(snapshot, unit, { context: { segment } }).variant)
    const [desktop, mobile] = [variantsIn("desktop"), variantsIn("mobile")]
    expect(desktop.some((variant, i) => variant === "b" && mobile[i] === "a")).toBe(false)
  })

  it("keeps holdout, pause and force as they are", () => {
    const reasons = units.slice(0, 1000).map((unit) => decideFor(snapshot, unit).reason)
    expect(new Set(reasons)).toEqual(new Set(["policy", "holdout"]))
    expect(decideFor(snapshotOf({ status: "paused" }, plan), "u")).toMatchObject({ reason: "paused", variant: "a" })
    expect(decideFor(snapshot, "u", { forcedIndex: 1 })).toMatchObject({ reason: "forced", variant: "b" })
  })
})
