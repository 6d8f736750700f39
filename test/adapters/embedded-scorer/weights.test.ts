import * as fc from "fast-check"
import { expect, it } from "vitest"
import { readWeights } from "#src/adapters/embedded-scorer/weights.ts"
import { GatewayError } from "#src/domain/errors.ts"
import { weightsBytes } from "./tiny-artifact.ts"

it("reads intercept, buckets and coefficients", () => {
  const weights = readWeights(weightsBytes(), "tiny")
  expect(weights.intercept).toBe(-1)
  expect(weights.buckets).toBe(8)
  expect([0, 1, 2, 3, 4, 5, 6, 7].map(weights.coefficientOf)).toEqual([0, 0.5, -1.25, 0, 0, 2, 0, 0])
})

it("reads a model that has learned nothing but its intercept", () => {
  expect(readWeights(weightsBytes({ indices: [], coefficients: [] }), "tiny").coefficientOf(3)).toBe(0)
})

it.each([
  ["nothing", new Uint8Array(), "have 0 bytes; their header alone has 24"],
  ["half a header", weightsBytes().subarray(0, 23), "have 23 bytes; their header alone has 24"],
  ["another magic", weightsBytes({ magic: "CTRX" }), "don't begin with CTRW"],
  ["a newer version", weightsBytes({ version: 2 }), "have format version 2; this gateway reads 1"],
  ["a truncated tail", weightsBytes().subarray(0, -1), "have 59 bytes; 3 coefficients make 60"],
  ["trailing bytes", new Uint8Array([...weightsBytes(), 0]), "have 61 bytes; 3 coefficients make 60"],
  ["descending indices", weightsBytes({ indices: [1, 5, 2] }), "have a bucket index at 2 that is not above"],
  ["an index twice", weightsBytes({ indices: [1, 5, 5] }), "have a bucket index at 2 that is not above"],
  ["an index out of range", weightsBytes({ indices: [1, 5, 8] }), "have the bucket index 8 at 2, not below 8"],
  ["a NaN", weightsBytes({ coefficients: [1, Number.NaN, 1] }), "have the coefficient NaN at 1, not a number between"],
  ["an infinity", weightsBytes({ coefficients: [-Infinity, 1, 1] }), "have the coefficient -Infinity at 0"],
  [
    "a coefficient whose sums overflow",
    weightsBytes({ coefficients: [1, 1, 1e101] }),
    "have the coefficient 1e+101 at 2",
  ],
  ["a NaN intercept", weightsBytes({ intercept: Number.NaN }), "have the intercept NaN"],
])("refuses %s", (_, bytes, detail) => {
  expect(() => readWeights(bytes, "tiny")).toThrow(`[embedded-scorer] the weights of model tiny ${detail}`)
})

it("throws nothing but its own error at any damage", () => {
  const good = weightsBytes()
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (place, byte, length) => {
      const bytes = good.slice(0, length)
      bytes[place] = byte
      expect(["usable", "config_invalid"]).toContain(outcomeOf(bytes))
    }),
  )
})

function outcomeOf(bytes: Uint8Array): string {
  try {
    return Number.isFinite(readWeights(bytes, "tiny").coefficientOf(1)) ? "usable" : "not finite"
  } catch (error) {
    return error instanceof GatewayError ? error.code : String(error)
  }
}
