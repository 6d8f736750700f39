import { describe, expect, it } from "vitest"
import { createTestGateway, readJson } from "../gateway.ts"
import { mismatch } from "../published-schema.ts"
import { FEATURES, lastPayload, OPAQUE, post, speak } from "./asked.ts"

const PATH = "/v1/models/banner-ctr:predict"

describe.each(["hono", "node"] as const)("TensorFlow Serving's and KServe's V1 through %s", (through) => {
  it("answers a prediction for each instance, its decision in the headers", async () => {
    const gateway = await createTestGateway({ through })
    const answer = await post(gateway, PATH, { instances: [FEATURES, FEATURES], signature_name: "serving_default" })
    const body = await readJson(answer)
    expect([answer.status, body]).toEqual([200, { predictions: [expect.any(Number), expect.any(Number)] }])
    expect(mismatch("TensorFlowAnswer", body)).toBeUndefined()
    expect((await gateway.request(`/reward?d=${answer.headers.get("x-decision")}`)).status).toBe(200)
  })

  it("takes what curl sends without being told a type", async () => {
    const gateway = await createTestGateway({ through })
    const form = { "content-type": "application/x-www-form-urlencoded" }
    expect((await post(gateway, PATH, { instances: [FEATURES] }, form)).status).toBe(200)
  })

  it("tells a model's status as both servers do", async () => {
    const { request } = await createTestGateway({ through })
    const body = await readJson(await request("/v1/models/banner-ctr"))
    expect(body).toMatchObject({ name: "banner-ctr", ready: true, model_version_status: [{ state: "AVAILABLE" }] })
    expect(mismatch("ModelStatus", body)).toBeUndefined()
    expect(await readJson(await request("/v1/models"))).toEqual({ models: ["banner-ctr"] })
  })

  it("is not ready while nothing can answer", async () => {
    const { request, models } = await createTestGateway({ through })
    for (const model of models) Object.assign(model, { isReady: () => false })
    for (const path of ["/v1/models/banner-ctr", "/v2/models/banner-ctr/ready"]) {
      const answer = await request(path)
      expect([path, answer.status, (await readJson(answer))["ready"]]).toEqual([path, 503, false])
    }
  })

  it("has its own path: other spellings of it are refused", async () => {
    const gateway = await createTestGateway({ through })
    expect((await post(gateway, "/v1/models/banner-ctr:explain", { instances: [FEATURES] })).status).toBe(405)
    expect((await gateway.request(PATH)).status).toBe(405)
    expect((await post(gateway, "/v1/models/:predict", { instances: [FEATURES] })).status).toBe(405)
  })
})

describe("V1 predictions", () => {
  it("keep a unit's variant, whoever names it", async () => {
    const gateway = await createTestGateway()
    for (const unitId of ["user-1", "user-2", "user-3"]) {
      const native = await gateway.postJson("/predict/banner-ctr", { unitId, features: FEATURES })
      const inBody = await post(gateway, PATH, { instances: [FEATURES], unitId })
      const inHeader = await post(gateway, PATH, { instances: [FEATURES] }, { "x-unit-id": unitId })
      for (const { headers } of [inBody, inHeader])
        expect(headers.get("x-variant")).toBe(native.headers.get("x-variant"))
    }
  })

  it("point into the caller's body at a feature that can't be scored", async () => {
    const gateway = await createTestGateway()
    await gateway.publish({ variants: [{ id: "champion", backend: { kind: "embedded", model: "ctr-raw" } }] })
    const answer = await post(gateway, PATH, { instances: [{ hour: "14139999" }] })
    expect(answer.status).toBe(400)
    expect((await readJson(answer))["error"]).toMatch(/\/instances\/0\/hour must/)
  })

  it.each([
    ["no JSON", "zqjx", 400, /not valid JSON/],
    ["a list", [FEATURES], 400, /JSON object with instances/],
    ["no instances", { signature_name: "x" }, 400, /\/instances must be a list/],
    ["columns", { inputs: { hour: ["zqjx"] } }, 400, /\/inputs is not a member; did you mean instances/],
    ["rows without names", { instances: [[1, 2]] }, 400, /\/instances\/0 must be an object/],
    ["a misspelt unit", { instances: [{}], unitid: "zqjx" }, 400, /\/unitid is not a member; did you mean unitId/],
    ["a unit that is a number", { instances: [{}], unitId: 7 }, 400, /\/unitId must be text/],
  ])("refuse %s in one text", async (_, body, status, text) => {
    const answer = await post(await createTestGateway(), PATH, body)
    const told = await readJson(answer)
    expect([answer.status, told]).toEqual([status, { error: expect.stringMatching(text) }])
    expect(mismatch("InferenceError", told)).toBeUndefined()
    expect(JSON.stringify(told)).not.toMatch(/zqjx/)
  })

  it("refuse a model that isn't there", async () => {
    const gateway = await createTestGateway()
    for (const answer of [
      await post(gateway, "/v1/models/none:predict", { instances: [FEATURES] }),
      await gateway.request("/v1/models/none"),
    ]) {
      expect([answer.status, await readJson(answer)]).toEqual([404, { error: expect.stringMatching(/No experiment/) }])
    }
  })

  it("pass to models that speak V1 as they are, and look for nothing in them but the unit", async () => {
    const gateway = await createTestGateway()
    speak(gateway.models, "tensorflow-v1")
    const body = '{"instances": [[1, 2]], "unitId": "user-1", "more": NaN_is_no_JSON}'
    const answer = await post(gateway, PATH, body)
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(OPAQUE)
    expect(lastPayload(gateway.models)?.bytes).toEqual(new TextEncoder().encode(body))
    const named = await post(gateway, PATH, '{"instances": [[1, 2]], "unitId": "user-1"}')
    const native = await gateway.request("/admin/experiments/banner-ctr/explain?unitId=user-1")
    expect(named.headers.get("x-variant")).toBe((await readJson(native))["variant"])
    expect((await post(gateway, PATH, '{"instances": [[1, 2]], "unitId": 7}')).status).toBe(400)
  })

  it("look for the unit however its name is written, and not where a header names one", async () => {
    const gateway = await createTestGateway()
    speak(gateway.models, "tensorflow-v1")
    expect((await post(gateway, PATH, '{"instances": [[1, 2]], "unit\\u0049d": 7}')).status).toBe(400)
    const body = '{"instances": [[1, 2]], "unitId": 7}'
    expect((await post(gateway, PATH, body, { "x-unit-id": "user-1" })).status).toBe(200)
  })
})
