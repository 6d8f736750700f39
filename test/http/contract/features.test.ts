import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { featuresSchema, readFeatures } from "#src/http/contract/features.ts"
import { allowedFeatures, asJson, refusedName, refusedValue, tooManyFeatures } from "./feature-values.ts"

function accepted(value: unknown): boolean {
  const errors: { pointer: string; detail: string }[] = []
  readFeatures(asJson(value), "/features", errors)
  return errors.length === 0
}

describe("reading features", () => {
  it("takes what the schema takes, unchanged", () => {
    fc.assert(
      fc.property(allowedFeatures, (features) => {
        expect(featuresSchema.safeParse(features).success).toBe(true)
        expect(readFeatures(asJson(features), "", [])).toEqual(featuresSchema.parse(features))
        expect(accepted(features)).toBe(true)
      }),
    )
  })

  it("refuses what the schema refuses: one bad value, one bad name, one too many", () => {
    const spoilt = fc.oneof(
      fc.tuple(allowedFeatures, fc.constant("spoilt"), refusedValue),
      fc.tuple(allowedFeatures, refusedName, fc.constant<unknown>("fine")),
      fc.tuple(fc.constant(tooManyFeatures), fc.constant("f0"), fc.constant<unknown>(1)),
    )
    fc.assert(
      fc.property(spoilt, ([features, name, value]) => {
        const body = { ...features, [name]: value }
        expect(featuresSchema.safeParse(body).success).toBe(false)
        expect(accepted(body)).toBe(false)
      }),
    )
  })

  it("agrees with the schema on any JSON value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 2 }), (value) => {
        fc.pre(!Object.hasOwn(Object(value), "__proto__"))
        expect(accepted(value)).toBe(featuresSchema.safeParse(asJson(value)).success)
      }),
      { numRuns: 500 },
    )
  })

  it("refuses __proto__, which would be a prototype to whoever copies it", () => {
    const errors: { pointer: string; detail: string }[] = []
    readFeatures(JSON.parse('{"__proto__":"x","a":1}'), "/features", errors)
    expect(errors).toHaveLength(1)
  })

  it("points at what is wrong, and at nothing that it would be a risk to repeat", () => {
    const errors: { pointer: string; detail: string }[] = []
    readFeatures({ banner_pos: null, "<script>": [], "a/b": {} }, "/instances/3", errors)
    expect(errors.map(({ pointer }) => pointer)).toEqual([
      "/instances/3/banner_pos",
      "/instances/3/*",
      "/instances/3/*",
    ])
  })
})
