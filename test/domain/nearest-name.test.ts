import { expect, it } from "vitest"
import { nearestName } from "#src/domain/nearest-name.ts"

const KNOWN = ["control", "variants", "minPropensity", "policy", "id", "thompson", "thompson-gaussian"]

it.each([
  ["contrl", "control"],
  ["cnotrol", "control"],
  ["variant", "variants"],
  ["min_propensity", "minPropensity"],
  ["minPropensty", "minPropensity"],
  ["Policy", "policy"],
  ["polices", "policy"],
  ["thomson", "thompson"],
  ["thompson_gausian", "thompson-gaussian"],
  ["colour", undefined],
  ["x", undefined],
  ["", undefined],
  ["control", undefined],
  ["c".repeat(60_000), undefined],
])("takes %s for %s", (name, meant) => {
  expect(nearestName(name, KNOWN)).toBe(meant)
})
