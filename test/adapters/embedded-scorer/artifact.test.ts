import { readFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type EmbeddedModel, loadArtifact } from "#src/adapters/embedded-scorer/artifact.ts"
import { GatewayError } from "#src/domain/errors.ts"
import type { Features, ModelEndpoint } from "#src/ports/model-endpoint.ts"
import { modelCall } from "#test/model-call.ts"
import { readCtrRows } from "./ctr-rows.ts"
import { TINY_MODEL, weightsBytes } from "./tiny-artifact.ts"

function loadExample(name: string): EmbeddedModel {
  const folder = `examples/models/${name}`
  return loadArtifact(JSON.parse(readFileSync(`${folder}/model.json`, "utf8")), readFileSync(`${folder}/weights.bin`))
}

function score(model: ModelEndpoint, instances: readonly Features[]): number[] {
  const answer = model.predict(modelCall({ instances }))
  if (answer instanceof Promise) throw new Error("an embedded model answers synchronously")
  if (answer.kind !== "scores") throw new Error("an embedded model answers scores")
  return [...answer.scores]
}

function errorOf(action: () => unknown): GatewayError {
  try {
    action()
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error("nothing was thrown")
}

describe("given the two example models and scikit-learn's probabilities", () => {
  const rows = readCtrRows()
  const models = { raw: loadExample("ctr-raw"), prefixed: loadExample("ctr-prefixed") }

  it.each(["raw", "prefixed"] as const)("equals scikit-learn on all 500 rows to 1e-12 (%s tokens)", (tokens) => {
    expect(rows).toHaveLength(500)
    const scores = score(
      models[tokens],
      rows.map((row) => row.features),
    )
    const errors = rows.map((row, i) => Math.abs((scores[i] ?? Number.NaN) - row.probability[tokens]))
    expect(Math.max(...errors)).toBeLessThanOrEqual(1e-12)
  })

  it("names the model that answers", () => {
    expect(models.raw.model).toBe("ctr-raw")
    expect(models.prefixed.model).toBe("ctr-prefixed")
  })

  it("scores an instance alike alone, in a slate, with its keys turned round and with unknown features added", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...rows),
        fc.dictionary(
          fc.string().map((key) => `x${key}`),
          fc.oneof(fc.string(), fc.double(), fc.boolean()),
        ),
        fc.constantFrom(models.raw, models.prefixed),
        (row, unknown, model) => {
          const reversed = Object.fromEntries(Object.entries(row.features).toReversed())
          const [alone, ...rest] = score(model, [row.features, reversed, { ...unknown, ...row.features }])
          expect(rest).toEqual([alone, alone])
          expect(score(model, [row.features])).toEqual([alone])
        },
      ),
    )
  })

  it("answers a probability for whatever a caller can send as values", () => {
    const value = fc.oneof(fc.string({ unit: "binary" }), fc.double(), fc.boolean(), fc.constant("\ud800"))
    const names = Object.keys(rows[0]?.features ?? {}).filter((name) => name !== "hour")
    const instance = fc.dictionary(fc.constantFrom(...names), value)
    fc.assert(
      fc.property(instance, (features) => {
        for (const model of [models.raw, models.prefixed]) {
          const [probability = Number.NaN] = score(model, [features])
          expect(probability).toBeGreaterThan(0)
          expect(probability).toBeLessThan(1)
        }
      }),
    )
  })
})

describe("given a model of eight buckets", () => {
  // Bucket and sign by the hash vectors: "1" -> 5 and -, "a" -> 2 and +, "ab" -> 1 and -, "1872d942" -> 0 and -.
  const bytes = weightsBytes({ indices: [0, 1, 2, 5], coefficients: [3, 0.5, -1.25, 2], intercept: -1 })
  const model = loadArtifact(TINY_MODEL, bytes)
  const logistic = (z: number) => 1 / (1 + Math.exp(-z))

  it("adds sign times coefficient of every token to the intercept", () => {
    expect(score(model, [{ a: "a", b: "ab" }])).toEqual([logistic(-1 - 1.25 - 0.5)])
  })

  it("counts a token twice where two fields hold the same value", () => {
    expect(score(model, [{ a: "1", b: "1" }])).toEqual([logistic(-1 - 2 - 2)])
  })

  it("puts the hash -2147483648 into bucket 0 with a negative sign", () => {
    expect(score(model, [{ a: "1872d942" }])).toEqual([logistic(-1 - 3)])
  })

  it("scores numbers and booleans as their string", () => {
    expect(score(model, [{ a: 1, b: true }])).toEqual(score(model, [{ a: "1", b: "true" }]))
  })

  it("lets a missing feature contribute nothing, the hour's derived tokens included", () => {
    expect(score(model, [{}])).toEqual([logistic(-1)])
    expect(score(model, [{ a: "ab" }])).toEqual([logistic(-1.5)])
  })

  it("doesn't take an inherited property for a feature", () => {
    const inherits = loadArtifact({ ...TINY_MODEL, fields: [{ name: "toString" }, { name: "__proto__" }] }, bytes)
    expect(score(inherits, [{}])).toEqual([logistic(-1)])
  })

  it("reads weights that don't begin at a multiple of eight bytes", () => {
    const shifted = new Uint8Array(bytes.length + 3)
    shifted.set(bytes, 3)
    expect(score(loadArtifact(TINY_MODEL, shifted.subarray(3)), [{ a: "a" }])).toEqual([logistic(-2.25)])
  })

  it("ends in 0 and 1, never in NaN, at the largest coefficients allowed", () => {
    const steep = loadArtifact(TINY_MODEL, weightsBytes({ indices: [1, 2], coefficients: [1e100, 1e100] }))
    expect(score(steep, [{ a: "a", b: "a" }])).toEqual([1])
    expect(score(steep, [{ a: "ab", b: "ab" }])).toEqual([0])
  })

  it.each(["1410210", "14102124", "14022900", "", "next week", "14102100 "])(
    "refuses the hour %j and says where",
    (hour) => {
      const rule = "must be an hour as YYMMDDHH, eight digits: 14102100 is midnight of 21 October 2014"
      const one = errorOf(() => model.score([{ hour }]))
      expect(one.code).toBe("features_invalid")
      expect(one.errors).toEqual([{ pointer: "/features/hour", detail: rule }])
      const slate = errorOf(() => model.score([{}, { hour: "14102100" }, { hour: 14102123 }, { hour }]))
      expect(slate.errors).toEqual([{ pointer: "/instances/3/hour", detail: rule }])
    },
  )

  it("says which features it reads, by the names that requests have", () => {
    expect([...loadExample("ctr-raw").knownFeatures].filter((name) => /hour|week|datetime/.test(name))).toEqual([
      "hour",
    ])
    expect([...loadArtifact(TINY_MODEL, weightsBytes()).knownFeatures]).toEqual(["a", "b", "hour"])
  })

  it("doesn't repeat a caller's value in its error", () => {
    expect(errorOf(() => model.score([{ hour: "<script>" }])).message).not.toContain("script")
  })

  it("escapes the field's name in the pointer", () => {
    const fields = [{ name: "when", from: "a/b~c", as: "weekday" }]
    const odd = loadArtifact({ ...TINY_MODEL, fields }, bytes)
    expect(errorOf(() => odd.score([{ "a/b~c": "x" }])).errors?.[0]?.pointer).toBe("/features/a~1b~0c")
  })
})

it("finds the same coefficients by search as by table", () => {
  const indices = [0, 1, 7, 92_594, 147_329, 262_143]
  const coefficients = [1, 2, 3, 4, 5, 6]
  const load = (buckets: number) =>
    loadArtifact({ ...TINY_MODEL, buckets }, weightsBytes({ buckets, indices, coefficients }))
  // 2^31 - 1 is searched, never made a table of. Its buckets are the hashes themselves: "196a2ab7" -> 0, "1872d942" -> 1, negative.
  expect(score(load(2 ** 31 - 1), [{ a: "196a2ab7", b: "1872d942" }])).toEqual([1 / (1 + Math.exp(2))])
  expect(score(load(2 ** 18), [{ a: "a", b: "0" }])).toEqual([1 / (1 + Math.exp(1 - 4 + 5))])
  expect(score(load(2 ** 22), [{ a: "a", b: "0" }])).toEqual(score(load(2 ** 22), [{}]))
})

describe("when an artifact is malformed", () => {
  it.each([
    ["another kind", { kind: "tree" }, "/kind"],
    ["an unknown token mode", { tokens: "both" }, "/tokens"],
    ["an unknown derivation", { fields: [{ name: "x", as: "month" }] }, "/fields/0/as"],
    ["no fields", { fields: [] }, "/fields"],
    ["a field twice", { fields: [{ name: "x" }, { name: "y" }, { name: "x" }] }, "/fields/2/name"],
    ["a field without a name", { fields: [{ from: "x" }] }, "/fields/0/name"],
    ["no buckets", { buckets: 0 }, "/buckets"],
    ["more buckets than a hash can reach", { buckets: 2 ** 31 }, "/buckets"],
    ["half a bucket", { buckets: 8.5 }, "/buckets"],
    ["a weights file elsewhere", { weights: "../weights.bin" }, "/weights"],
    ["a name with a slash", { name: "a/b" }, "/name"],
  ])("refuses %s and points there", (_, change, pointer) => {
    const error = errorOf(() => loadArtifact({ ...TINY_MODEL, ...change }, weightsBytes()))
    expect(error.code).toBe("config_invalid")
    expect(error.errors?.map((place) => place.pointer)).toEqual([pointer])
    expect(error.detail).toContain(pointer)
  })

  it("refuses a property that it doesn't know", () => {
    expect(errorOf(() => loadArtifact({ ...TINY_MODEL, colour: 1 }, weightsBytes())).detail).toContain("colour")
  })

  it.each([null, [], "model", 1, undefined])("refuses %j in place of a document", (document) => {
    expect(errorOf(() => loadArtifact(document, weightsBytes())).code).toBe("config_invalid")
  })

  it("refuses buckets that differ between the two files", () => {
    expect(errorOf(() => loadArtifact(TINY_MODEL, weightsBytes({ buckets: 16 }))).detail).toBe(
      "[embedded-scorer] model tiny has 8 buckets in model.json and 16 in weights.bin",
    )
  })
})
