import { expect, it } from "vitest"
import { decide } from "#src/domain/decide.ts"
import { parseExperiment } from "#src/domain/experiment.ts"
import { createSnapshot, degradedChoice } from "#src/domain/snapshot.ts"

function snapshotOf(changes: Record<string, unknown> = {}, allocation = [0.25, 0.75]) {
  const parsed = parseExperiment({
    id: "e",
    variants: ["a", "b"].map((id) => ({ id, backend: { kind: "embedded", model: "m" } })),
    control: "a",
    policy: { kind: "thompson" },
    ...changes,
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  return createSnapshot({
    experiment: parsed.experiment,
    revision: 3,
    stateVersion: 9,
    allocation,
    reason: "policy",
    keyId: "k1",
  })
}

const units = Array.from({ length: 20_000 }, (_, i) => `unit-${i}`)

it("gives a unit the variant that the allocation draws, with the allocation's own propensity", () => {
  const snapshot = snapshotOf()
  const choices = units.map((unit) => decide(snapshot, unit, undefined))
  const share = choices.filter(({ variant }) => variant === "b").length / units.length
  expect(Math.abs(share - 0.75)).toBeLessThan(4 * Math.sqrt((0.75 * 0.25) / units.length))
  expect(choices.every(({ propensity, index, learn }) => propensity === snapshot.allocation[index] && learn)).toBe(true)
})

it("keeps a holdout of the configured share on the control, apart from the draw, and learns nothing from it", () => {
  const snapshot = snapshotOf({ holdout: 0.1 })
  const choices = units.map((unit) => decide(snapshot, unit, undefined))
  const held = choices.filter(({ reason }) => reason === "holdout")
  expect(Math.abs(held.length / units.length - 0.1)).toBeLessThan(4 * Math.sqrt(0.09 / units.length))
  expect(held.every(({ variant, propensity, learn }) => variant === "a" && propensity === 1 && !learn)).toBe(true)
  const rest = choices.filter(({ reason }) => reason === "policy")
  const share = rest.filter(({ variant }) => variant === "b").length / rest.length
  expect(Math.abs(share - 0.75)).toBeLessThan(4 * Math.sqrt((0.75 * 0.25) / rest.length))
})

it.each(["draft", "paused", "concluded"])("gives everyone the control while the experiment is %s", (status) => {
  const snapshot = snapshotOf({ status })
  for (const unit of units.slice(0, 100)) {
    expect(decide(snapshot, unit, undefined)).toMatchObject({
      variant: "a",
      reason: "paused",
      propensity: 1,
      learn: false,
    })
  }
})

it("lets a forced variant win over everything, unlearned", () => {
  expect(decide(snapshotOf({ status: "paused", holdout: 1 }), "u", 1)).toMatchObject({
    variant: "b",
    reason: "forced",
    propensity: 1,
    learn: false,
  })
})

it("logs a degraded choice with the propensity it was drawn with", () => {
  const snapshot = snapshotOf()
  const drawn = decide(snapshot, "u", undefined)
  expect(degradedChoice(snapshot, drawn)).toMatchObject({
    propensity: drawn.propensity,
    reason: "fallback",
    learn: false,
  })
  expect(degradedChoice(snapshot, decide(snapshot, "u", 1))).toMatchObject({ propensity: 1, reason: "fallback" })
})

it("serialises an event whose propensity is its allocation's entry", () => {
  const choice = decide(snapshotOf(), "u", undefined)
  const event = JSON.parse(`{${choice.eventMembers}}`)
  expect(event).toEqual({
    experiment: "e",
    revision: 3,
    variant: choice.variant,
    propensity: choice.propensity,
    allocation: { a: 0.25, b: 0.75 },
    policy: "thompson",
    stateVersion: 9,
    reason: "policy",
    learn: true,
    metric: "reward",
  })
})
