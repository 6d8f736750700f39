import { describe, expect, it } from "vitest"
import { MAX_TOKEN_LENGTH } from "#src/domain/token.ts"
import { BATCH_ANSWER, PREDICTION_EXAMPLE, RECEIPT_EXAMPLE, TOKEN_EXAMPLE } from "#src/http/contract/examples.ts"
import { MAX_FEATURES, readFeatures } from "#src/http/contract/features.ts"
import { COMMON_PROBLEMS, type Parameter } from "#src/http/contract/operation.ts"
import { OPERATIONS } from "#src/http/contract/operations.ts"
import { PROBLEM_CODES } from "#src/http/contract/problem-codes.ts"
import { openApiDocument, problemsOf } from "#src/http/openapi.ts"
import { createTestGateway, readJson } from "./gateway.ts"
import { mismatch } from "./published-schema.ts"

function pathOf(path: string, parameters: readonly Parameter[]): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name) => parameters.find((one) => one.name === name)?.example ?? name)
}

const FEATURES = { hour: "14102100", banner_pos: "0" }

describe("the OpenAPI document", () => {
  it("has every operation under its path and method, and nothing else", () => {
    const documented = Object.entries(openApiDocument().paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )
    expect(documented.toSorted()).toEqual(OPERATIONS.map(({ method, path }) => `${method} ${path}`).toSorted())
  })

  it("names every parameter of every path", () => {
    for (const { path, parameters = [] } of OPERATIONS) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      expect(parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name)).toEqual(inPath)
    }
  })

  it("refers only to schemas that it has", () => {
    const text = JSON.stringify(openApiDocument())
    const schemas = openApiDocument().components.schemas
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name)
    expect(references.length).toBeGreaterThan(30)
    expect(text.match(/"\$ref":"(?!#\/components\/schemas\/)/)).toBeNull()
    for (const name of references) expect(schemas).toHaveProperty(String(name))
  })

  it("has every problem that the HTTP layer answers with", () => {
    const documented = new Set(OPERATIONS.flatMap(problemsOf))
    expect(PROBLEM_CODES.filter((code) => !documented.has(code))).toEqual([])
    expect(COMMON_PROBLEMS).toContain("internal")
  })

  it("shows examples that fit their own schemas", () => {
    expect(mismatch("PredictAnswer", PREDICTION_EXAMPLE)).toBeUndefined()
    expect(mismatch("RewardReceipt", RECEIPT_EXAMPLE)).toBeUndefined()
    expect(mismatch("RewardBatchAnswer", BATCH_ANSWER)).toBeUndefined()
    expect(TOKEN_EXAMPLE.length).toBeLessThanOrEqual(MAX_TOKEN_LENGTH)
  })

  it("says which names and how many features are refused", () => {
    const { Features: features } = openApiDocument().components.schemas
    const refused = Object.getOwnPropertyNames(Object.prototype)
    expect(features).toMatchObject({ propertyNames: { not: { enum: refused } }, maxProperties: MAX_FEATURES })
    for (const name of refused) {
      const errors: { pointer: string; detail: string }[] = []
      readFeatures(JSON.parse(`{${JSON.stringify(name)}:1}`), "", errors)
      expect(errors).toHaveLength(1)
    }
  })

  it("is served as it is assembled", async () => {
    const { request } = await createTestGateway()
    const response = await request("/openapi.json")
    expect(response.headers.get("content-type")).toBe("application/json")
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(openApiDocument())))
  })

  it("shows requests that the app answers", async () => {
    const { request, decide } = await createTestGateway({ defaultExperiment: "banner-ctr" })
    const token = await decide()
    const secret = "secret-of-an-admin"
    const keyed = await createTestGateway({ apiKeys: [{ name: "admin", permissions: ["admin"], secret }] })
    for (const { method, path, parameters = [], tag, answers, request: taken } of OPERATIONS) {
      for (const { mediaType, example } of taken?.contents ?? []) {
        if (example === undefined) continue
        const text = typeof example === "string" ? example : JSON.stringify(example)
        const body = text.replaceAll(TOKEN_EXAMPLE, token)
        const headers = { "content-type": mediaType, "if-match": "*", authorization: `Bearer ${secret}` }
        // Without keys nobody makes any.
        const ask = tag === "Keys" ? keyed.request : request
        const response = await ask(pathOf(path, parameters), { method: method.toUpperCase(), headers, body })
        expect([path, response.status]).toEqual([path, answers[0]?.status])
      }
    }
  })
})

describe("given a running app", () => {
  it("predicts as published, one instance or a slate", async () => {
    const { postJson } = await createTestGateway()
    expect(mismatch("PredictAnswer", await (await postJson("/predict", { features: FEATURES })).json())).toBeUndefined()
    expect(mismatch("PredictAnswer", await (await postJson("/predict", FEATURES)).json())).toBeUndefined()
    const slate = await postJson("/predict", { instances: [FEATURES, FEATURES], unitId: "u" })
    const body = await readJson(slate)
    expect(mismatch("PredictAnswer", body)).toBeUndefined()
    expect(body["predictions"]).toHaveLength(2)
    expect(slate.headers.get("x-variant")).toBe(body["variant"])
    expect(slate.headers.get("x-decision-id")).toBe(body["decisionId"])
    expect(slate.headers.get("server-timing")).toMatch(/^decide;dur=\d+\.\d{3}, backend;dur=\d+\.\d{3}$/)
  })

  it("takes rewards as published, one, a batch and by URL", async () => {
    const { postJson, request, decide } = await createTestGateway()
    expect(
      mismatch("RewardReceipt", await (await postJson("/reward", { decision: await decide(), value: 0 })).json()),
    ).toBeUndefined()
    const batch = await postJson("/reward", [{ decision: await decide() }, { decision: "v1.x" }])
    expect(batch.status).toBe(207)
    expect(mismatch("RewardBatchAnswer", await batch.json())).toBeUndefined()
    expect(mismatch("RewardReceipt", await (await request(`/reward?d=${await decide()}`)).json())).toBeUndefined()
  })

  it.each([
    ["/admin/experiments", "ExperimentList"],
    ["/admin/experiments/banner-ctr", "PublishedExperiment"],
    ["/admin/experiments/banner-ctr/stats", "Statistics"],
    ["/admin/experiments/banner-ctr/allocation", "Allocation"],
    ["/admin/experiments/banner-ctr/explain?unitId=user-42", "Explanation"],
    ["/healthz", "Liveness"],
    ["/healthcheck", "Healthcheck"],
    ["/readyz", "Readiness"],
  ])("answers %s with a %s as published", async (path, schema) => {
    const { request, decide } = await createTestGateway()
    await request(`/reward?d=${await decide()}`)
    const response = await request(path)
    expect(response.status).toBe(200)
    expect(mismatch(schema, await response.json())).toBeUndefined()
  })

  it.each([
    [256, 200],
    [257, 400],
  ])("explains a unit of %i characters outside the basic plane with %i", async (length, status) => {
    const { request } = await createTestGateway()
    const unitId = encodeURIComponent("😀".repeat(length))
    expect((await request(`/admin/experiments/banner-ctr/explain?unitId=${unitId}`)).status).toBe(status)
  })

  it("answers readiness as published while it drains", async () => {
    const { request, setParts } = await createTestGateway()
    setParts(() => ({ server: { ready: false, required: true, detail: "draining" } }))
    const response = await request("/readyz")
    expect(response.status).toBe(503)
    expect(mismatch("Readiness", await response.json())).toBeUndefined()
  })

  it("refuses as published", async () => {
    const { postJson } = await createTestGateway()
    expect(mismatch("Problem", await (await postJson("/predict", { features: { x: null } })).json())).toBeUndefined()
  })
})
