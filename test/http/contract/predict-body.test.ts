import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as z from "zod"
import { GatewayError } from "#src/domain/errors.ts"
import { featuresSchema } from "#src/http/contract/features.ts"
import { predictBodySchema, readPredictBody } from "#src/http/contract/predict-body.ts"
import { hasNoEscapes, parseJsonBytes } from "#src/http/strict-json.ts"
import { allowedFeatures, asJson, refusedName, refusedValue } from "./feature-values.ts"

const unitId = fc.constantFrom("user-42", "é😀", "{a}:b", "x".repeat(256))
const common = {
  experiment: fc.constantFrom("banner-ctr", "a", "x".repeat(63), "0-"),
  unitId,
  variant: fc.constantFrom("champion", "x", "x".repeat(32)),
  context: allowedFeatures,
}

/** Requests that are allowed: features or instances, with any of the rest. */
const allowedBody = fc.oneof(
  fc.record({ features: allowedFeatures, ...common }, { requiredKeys: ["features"] }),
  fc.record(
    { instances: fc.array(allowedFeatures, { minLength: 1, maxLength: 4 }), ...common },
    { requiredKeys: ["instances"] },
  ),
)

/** One member that makes a request wrong, whatever the rest is. */
const spoiler = fc.oneof(
  fc.tuple(fc.constant("experiment"), fc.constantFrom<unknown>(null, 7, "", "A", "../x", "x".repeat(64), "a\n", [])),
  fc.tuple(
    fc.constant("unitId"),
    fc.constantFrom<unknown>(null, 7, "", "\n", "\u2028", "\u0085", "\ud800", "x".repeat(257), {}),
  ),
  fc.tuple(fc.constant("variant"), fc.constantFrom<unknown>(null, 7, "", "x".repeat(33), [], true)),
  fc.tuple(
    fc.constant("context"),
    fc.oneof(
      refusedValue.map((value) => ({ a: value })),
      fc.constantFrom<unknown>(null, [], 1),
    ),
  ),
  fc.tuple(fc.constantFrom("propensity", "weights", "Features", "unitID", ""), fc.constant<unknown>("x")),
)

const spoiltInstance = fc.oneof(
  fc.constantFrom<unknown>(null, [], 1, "x"),
  refusedValue.map((value) => ({ a: value })),
  refusedName.map((name) => ({ [name]: 1 })),
)

/** Whether the reader takes a body, which comes from the wire. Throws what isn't a refusal. */
function accepted(body: unknown): boolean {
  try {
    readPredictBody(asJson(body))
    return true
  } catch (error) {
    if (error instanceof GatewayError && ["validation_failed", "not_an_object"].includes(error.code)) return false
    throw error
  }
}

/** What the contract says: a body with none of three members is the features themselves. */
function allowed(body: unknown): boolean {
  const isEnvelope =
    typeof body === "object" && body !== null && ["experiment", "features", "instances"].some((name) => name in body)
  return (isEnvelope ? predictBodySchema : featuresSchema).safeParse(body).success
}

/** What the reader makes of a body that is sent, or its complaints. */
function outcome(bytes: Uint8Array, wellFormed: boolean): unknown {
  try {
    return readPredictBody(parseJsonBytes(bytes), wellFormed)
  } catch (error) {
    if (error instanceof GatewayError) return { code: error.code, errors: error.errors }
    throw error
  }
}

describe("reading a prediction request", () => {
  it("says the same whether it is told that the body has no escapes or finds out by itself", () => {
    const feature = fc.oneof(refusedValue, fc.constantFrom<unknown>("a\\b", 'a"b', "é😀", "a\n"))
    const body = fc.oneof(
      fc.tuple(allowedBody, spoiler).map(([whole, [name, value]]): unknown => ({ ...whole, [name]: value })),
      fc.record({ features: fc.dictionary(fc.oneof(refusedName, fc.constantFrom("a", "é", 'q"')), feature) }),
      allowedBody,
    )
    let plain = 0
    fc.assert(
      fc.property(body, (sent) => {
        const bytes = Buffer.from(JSON.stringify(sent))
        if (hasNoEscapes(bytes)) plain++
        expect(outcome(bytes, hasNoEscapes(bytes))).toEqual(outcome(bytes, false))
      }),
      { numRuns: 500 },
    )
    expect(plain).toBeGreaterThan(50)
    expect(plain).toBeLessThan(450)
  })

  it("takes what the schema takes", () => {
    fc.assert(
      fc.property(allowedBody, (body) => {
        expect([allowed(body), accepted(body)]).toEqual([true, true])
        const read = readPredictBody(asJson(body))
        const instances = "instances" in body ? body.instances : [body.features]
        expect(read).toEqual({
          experiment: body.experiment,
          unitId: body.unitId,
          context: body.context,
          variant: body.variant,
          instances,
          slate: "instances" in body,
          featuresAt: "instances" in body ? "/instances/0" : "/features",
        })
      }),
    )
  })

  it("refuses a request that one member makes wrong", () => {
    fc.assert(
      fc.property(allowedBody, spoiler, (body, [name, value]) => {
        const spoilt = { ...body, [name]: value }
        expect([allowed(spoilt), accepted(spoilt)]).toEqual([false, false])
      }),
      { numRuns: 300 },
    )
  })

  it("refuses features and instances that one of them makes wrong", () => {
    fc.assert(
      fc.property(allowedFeatures, spoiltInstance, (features, spoilt) => {
        for (const body of [
          { features: spoilt },
          { instances: [features, spoilt] },
          { instances: spoilt },
          { features, instances: [features] },
          { features, instances: null },
          { features: null, instances: [features] },
        ]) {
          expect([body, allowed(body), accepted(body)]).toEqual([body, false, false])
        }
      }),
    )
  })

  it("agrees with the schema on any JSON value", () => {
    const members = fc.record(
      {
        experiment: fc.oneof(fc.constant("a"), fc.jsonValue({ maxDepth: 1 })),
        features: fc.oneof(allowedFeatures, fc.jsonValue({ maxDepth: 2 })),
        instances: fc.oneof(fc.array(allowedFeatures, { maxLength: 2 }), fc.jsonValue({ maxDepth: 2 })),
        unitId: fc.oneof(fc.constant("u"), fc.jsonValue({ maxDepth: 1 })),
        other: fc.jsonValue({ maxDepth: 1 }),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(members, fc.jsonValue({ maxDepth: 3 })), (value) => {
        fc.pre(!JSON.stringify(value).includes("__proto__"))
        const body = asJson<unknown>(value)
        expect(accepted(body)).toBe(allowed(body))
      }),
      { numRuns: 1000 },
    )
  })

  it("counts a unit id's characters as the schema does: an emoji is one", () => {
    for (const [unitId, fits] of [
      ["u".repeat(256), true],
      ["u".repeat(257), false],
      ["😀".repeat(256), true],
      ["😀".repeat(257), false],
    ] as const) {
      const body = { unitId, features: {} }
      expect([unitId.length, accepted(body), allowed(body)]).toEqual([unitId.length, fits, fits])
    }
    const published = JSON.stringify(z.toJSONSchema(predictBodySchema, { io: "input" }))
    expect(published).toContain('"unitId":{"type":"string","minLength":1,"maxLength":256,')
  })

  it("reports a handful of mistakes, however many there are", () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, null]))
    const error = errorOf({ features: many, unitId: "" })
    expect(error.errors).toHaveLength(10)
    expect(error.errors?.[0]).toEqual({ pointer: "/unitId", detail: "must have 1 to 256 characters" })
  })

  it("names a misspelt member and what was meant, and repeats no other name", () => {
    expect(errorOf({ user_id: "u", experiment: "e", features: {} }).errors).toEqual([
      { pointer: "/user_id", detail: "is not a member; did you mean unitId?" },
    ])
    expect(errorOf({ unitID: "u", fetures: {}, instances: [{}], "zqjx/~": 1 }).errors).toEqual([
      { pointer: "/unitID", detail: "is not a member; did you mean unitId?" },
      { pointer: "/fetures", detail: "is not a member; did you mean features?" },
      { pointer: "", detail: "has a field besides experiment, unitId, features, instances, context, variant" },
    ])
  })

  function errorOf(body: unknown): GatewayError {
    try {
      readPredictBody(body)
    } catch (error) {
      if (error instanceof GatewayError) return error
    }
    throw new Error("was not refused")
  }
})
