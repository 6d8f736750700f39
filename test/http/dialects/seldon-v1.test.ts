import { describe, expect, it } from "vitest"
import type { MemoryModelEndpoint } from "#src/adapters/memory/model-endpoint.ts"
import { createTestGateway, readJson } from "../gateway.ts"
import { mismatch } from "../published-schema.ts"
import { FEATURES, lastPayload, OPAQUE, post, speak } from "./asked.ts"

const PATH = "/seldon/ads/banner-ctr/api/v1.0"
const NDARRAY = { names: ["hour", "site"], ndarray: [["14102100", "a"]] }
const TENSOR = { names: ["x", "y"], tensor: { shape: [2, 2], values: [1, 2, 3, 4] } }

function decisionOf(body: Record<string, unknown>): string {
  return /"decision":"([^"]*)"/.exec(JSON.stringify(body))?.[1] ?? ""
}

describe("Seldon's predictions", () => {
  it.each(["hono", "node"] as const)("are answered in the kind that they came in, through %s", async (through) => {
    const gateway = await createTestGateway({ through, defaultExperiment: "banner-ctr" })
    const score = expect.any(Number)
    const plain = { model: expect.stringMatching(/^[ab]$/) }
    for (const [request, answer] of [
      [{ data: NDARRAY }, { data: { names: ["prediction"], ndarray: [[score]] } }],
      [{ data: TENSOR }, { data: { names: ["prediction"], tensor: { shape: [2, 1], values: [score, score] } } }],
      [{ jsonData: FEATURES }, { jsonData: { prediction: score, ...plain } }],
      [{ jsonData: [FEATURES, FEATURES] }, { jsonData: { predictions: [score, score], ...plain } }],
    ] as const) {
      const response = await post(gateway, `${PATH}/predictions`, { ...request, meta: { puid: "p-1" } })
      const body = await readJson(response)
      const variant = response.headers.get("x-variant")
      const meta = {
        puid: "p-1",
        tags: { decision: response.headers.get("x-decision"), variant },
        routing: { "banner-ctr": variant === "champion" ? 0 : 1 },
      }
      expect([response.status, body]).toEqual([200, { ...answer, meta }])
      expect(mismatch("SeldonAnswer", body)).toBeUndefined()
    }
    for (const path of ["/api/v1.0", "/seldon/banner-ctr/api/v1.0"]) {
      expect((await post(gateway, `${path}/predictions`, { data: NDARRAY })).status).toBe(200)
    }
  })

  it("may come as a form field", async () => {
    const gateway = await createTestGateway()
    const form = { "content-type": "application/x-www-form-urlencoded" }
    const body = `json=${encodeURIComponent(JSON.stringify({ data: NDARRAY }))}`
    expect((await post(gateway, `${PATH}/predictions`, body, form)).status).toBe(200)
    expect((await post(gateway, `${PATH}/predictions`, "data=x", form)).status).toBe(400)
  })

  it("make a feature object of each row", async () => {
    const gateway = await createTestGateway()
    await post(gateway, `${PATH}/predictions`, { data: TENSOR })
    const called = gateway.models.find(({ lastCall }) => lastCall !== undefined)?.lastCall
    expect(called?.instances).toEqual([
      { x: 1, y: 2 },
      { x: 3, y: 4 },
    ])
  })

  it("keep a unit's variant", async () => {
    const gateway = await createTestGateway()
    for (const unitId of ["user-1", "user-2", "user-3"]) {
      const native = await gateway.postJson("/predict/banner-ctr", { unitId, features: {} })
      const asked = await post(gateway, `${PATH}/predictions`, { data: NDARRAY, meta: { tags: { unitId, more: [1] } } })
      expect(asked.headers.get("x-variant")).toBe(native.headers.get("x-variant"))
    }
  })

  it.each([
    ["neither data nor jsonData", { strData: "zqjx" }, /either data or jsonData/],
    ["both", { data: NDARRAY, jsonData: {} }, /either data or jsonData/],
    ["no names", { data: { ndarray: [["zqjx"]] } }, /\/data\/names is required/],
    ["no rows", { data: { names: ["a"] } }, /an ndarray or a tensor/],
    ["rows of another length", { data: { names: ["a"], ndarray: [["zqjx", 2]] } }, /ndarray\/0 must have 1 elements/],
    ["a name twice", { data: { names: ["a", "a"], ndarray: [[1, 2]] } }, /\/data\/names has a name twice/],
    ["a name of every object", { data: { names: ["__proto__"], ndarray: [["zqjx"]] } }, /named like a member/],
    ["lists in a row", { data: { names: ["a"], ndarray: [[["zqjx"]]] } }, /must be text, a number/],
    ["a tensor of another shape", { data: { names: ["a"], tensor: { shape: [2, 1], values: [1] } } }, /as the shape/],
    ["features that are none", { jsonData: { a: null } }, /\/jsonData\/a|\/a must be text/],
    ["no JSON", "zqjx", /not valid JSON/],
  ])("are refused with %s, in Seldon's form", async (_, body, text) => {
    const answer = await post(await createTestGateway(), `${PATH}/predictions`, body)
    const told = await readJson(answer)
    const status = { code: -1, info: expect.stringMatching(text), reason: "MICROSERVICE_BAD_DATA", status: 1 }
    expect([answer.status, told]).toEqual([400, { status }])
    expect(mismatch("SeldonError", told)).toBeUndefined()
    expect(JSON.stringify(told)).not.toMatch(/zqjx/)
  })

  it("pass to models that speak it as they came", async () => {
    const gateway = await createTestGateway()
    speak(gateway.models, "seldon-v1")
    const body = '{"strData": "whatever", "meta": {"tags": {"unitId": "user-1"}}}'
    const answer = await post(gateway, `${PATH}/predictions`, body)
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(OPAQUE)
    expect(lastPayload(gateway.models)?.bytes).toEqual(new TextEncoder().encode(body))
    const explained = await readJson(await gateway.request("/admin/experiments/banner-ctr/explain?unitId=user-1"))
    expect(answer.headers.get("x-variant")).toBe(explained["variant"])
  })
})

describe("Seldon's feedback", () => {
  it("is a reward for the decision in the response that it sends back", async () => {
    const gateway = await createTestGateway({ defaultExperiment: "banner-ctr" })
    for (const path of [PATH, "/seldon/banner-ctr/api/v1.0", "/api/v1.0"]) {
      const request = { data: NDARRAY }
      const response = await readJson(await post(gateway, `${path}/predictions`, request))
      const feedback = { request, response, reward: 1, truth: { data: { ndarray: [[1]] } } }
      for (const status of ["applied", "duplicate"]) {
        const answer = await readJson(await post(gateway, `${path}/feedback`, feedback))
        expect(answer).toEqual({ data: { ndarray: [] }, meta: { tags: { status } } })
        expect(mismatch("SeldonFeedbackAnswer", answer)).toBeUndefined()
      }
    }
    expect(await gateway.rewards()).toBe(3)
  })

  it("without a reward is a 0, after which a 1 still counts", async () => {
    const gateway = await createTestGateway()
    const response = await readJson(await post(gateway, `${PATH}/predictions`, { data: NDARRAY }))
    expect((await post(gateway, `${PATH}/feedback`, { response })).status).toBe(200)
    gateway.clock.advance(60)
    const late = await readJson(await post(gateway, `${PATH}/feedback`, { response, reward: 1 }))
    expect(late).toMatchObject({ meta: { tags: { status: "applied" } } })
    const stats = await readJson(await gateway.request("/admin/experiments/banner-ctr/stats"))
    expect(JSON.stringify(stats)).toContain('"sum":1')
  })

  it("is refused without a token, with a forged one, and for another experiment", async () => {
    const gateway = await createTestGateway()
    await gateway.publish({ id: "other" })
    const response = await readJson(await post(gateway, `${PATH}/predictions`, { data: NDARRAY }))
    const forged = {
      meta: { tags: { decision: decisionOf(response).replace(/.$/, (last) => (last === "A" ? "Q" : "A")) } },
    }
    for (const [path, body, status] of [
      [PATH, { response: {}, reward: 1 }, 400],
      [PATH, { response: forged, reward: 1 }, 403],
      ["/seldon/other/api/v1.0", { response, reward: 1 }, 403],
      [PATH, { response, reward: 0.5 }, 400],
      ["/seldon/none/api/v1.0", { response, reward: 1 }, 404],
    ] as const) {
      const answer = await post(gateway, `${path}/feedback`, body)
      expect([path, answer.status, (await readJson(answer))["status"]]).toEqual([path, status, expect.anything()])
    }
    expect(await gateway.rewards()).toBe(0)
  })
})

describe("Seldon's questions about a deployment", () => {
  it.each(["hono", "node"] as const)("are answered by every path that it has, through %s", async (through) => {
    const gateway = await createTestGateway({ through, defaultExperiment: "banner-ctr" })
    const [first, second] = gateway.models as [MemoryModelEndpoint, MemoryModelEndpoint]
    first.knownFeatures = new Set(["hour", "site"])
    second.takes = { features: false, bodies: ["seldon-v1"] }
    const outputs = [{ messagetype: "ndarray", schema: { names: ["prediction"], shape: [1] } }]
    const inputs = [{ messagetype: "ndarray", schema: { names: ["hour", "site"] } }]
    const champion = { name: "a", versions: ["champion"], platform: "bandit-gateway", inputs, outputs }
    const challenger = { ...champion, name: "b", versions: ["challenger"], inputs: [], outputs: [] }
    for (const path of [PATH, "/seldon/banner-ctr/api/v1.0", "/api/v1.0"]) {
      for (const [question, schema, answer] of [
        ["health/status", "SeldonHealth", { meta: {}, strData: "healthy" }],
        [
          "metadata",
          "SeldonMetadata",
          { name: "banner-ctr", models: { champion, challenger }, graphinputs: inputs, graphoutputs: outputs },
        ],
        ["metadata/champion", "SeldonModelMetadata", champion],
        ["metadata/challenger", "SeldonModelMetadata", challenger],
      ] as const) {
        const response = await gateway.request(`${path}/${question}`)
        const body = await readJson(response)
        expect([path, response.status, body]).toEqual([path, 200, answer])
        expect(mismatch(schema, body)).toBeUndefined()
      }
    }
    expect((await gateway.request(`${PATH}/metadata/none`)).status).toBe(400)
    expect((await gateway.request("/seldon/none/api/v1.0/health/status")).status).toBe(404)
  })

  it("say that a deployment is not well while nothing can answer for it", async () => {
    const gateway = await createTestGateway()
    for (const model of gateway.models) Object.assign(model, { isReady: () => false })
    const response = await gateway.request(`${PATH}/health/status`)
    const body = await readJson(response)
    expect([response.status, body]).toEqual([503, { status: expect.objectContaining({ status: 1 }) }])
    expect(mismatch("SeldonError", body)).toBeUndefined()
  })
})
