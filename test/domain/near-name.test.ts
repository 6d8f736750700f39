import * as fc from "fast-check"
import { expect, it } from "vitest"
import { createNearName } from "#src/domain/near-name.ts"

const KNOWN = ["unitId", "features", "instances", "variant", "arm"]
const nearName = createNearName(KNOWN, { unitId: ["user"] })

it.each([
  ["unitid", "unitId"],
  ["unit_id", "unitId"],
  ["UNIT-ID", "unitId"],
  ["untiId", "unitId"],
  ["untId", "unitId"],
  ["user", "unitId"],
  ["User_", "unitId"],
  ["feature", "features"],
  ["fetures", "features"],
  ["instance", "instances"],
  ["varaint", "variant"],
  ["amr", "arm"],
  ["propensity", undefined],
  ["a", undefined],
  ["art2", undefined],
  ["", undefined],
  ["___", undefined],
  ["x".repeat(10_000), undefined],
  ["\u0130".repeat(32), undefined],
])("takes %j for %j", (given, meant) => {
  expect(nearName(given)).toBe(meant)
})

it("finds any name with one slip in it, and never throws", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("features", "instances"),
      fc.nat(8),
      fc.string({ maxLength: 1 }),
      (name, at, letter) => {
        expect(nearName(name.slice(0, at) + letter + name.slice(at + 1))).toBe(name)
      },
    ),
  )
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => void nearName(text)))
})
