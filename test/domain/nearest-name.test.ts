import * as fc from "fast-check"
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

const WORDS = new Map([["user", "unitId"]])

it.each([
  ["unit_id", "unitId"],
  ["UNIT-ID", "unitId"],
  ["untiId", "unitId"],
  ["user", "unitId"],
  ["User_", "unitId"],
  ["instance", "instances"],
  ["propensity", undefined],
  ["___", undefined],
])("takes %s for %s where a name has other words", (name, meant) => {
  expect(nearestName(name, ["unitId", "features", "instances", "variant"], WORDS)).toBe(meant)
})

it("finds any name with one slip in it, and never throws", () => {
  const names = ["unitId", "features", "instances"]
  fc.assert(
    fc.property(
      fc.constantFrom("features", "instances"),
      fc.nat(8),
      fc.string({ maxLength: 1 }),
      (name, at, letter) => {
        const slipped = name.slice(0, at) + letter + name.slice(at + 1)
        expect(nearestName(slipped, names)).toBe(slipped === name ? undefined : name)
      },
    ),
  )
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => void nearestName(text, names, WORDS)))
})
