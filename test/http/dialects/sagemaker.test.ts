import { describe, expect, it } from "vitest"
import { createTestGateway, readJson } from "../gateway.ts"
import { mismatch } from "../published-schema.ts"
import { FEATURES, lastPayload, OPAQUE, post, speak } from "./asked.ts"

const PATH = "/endpoints/CTR-Prod/invocations"
const ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"

async function createNamed() {
  const gateway = await createTestGateway()
  await gateway.publish({ names: ["CTR-Prod"] })
  return gateway
}

describe("InvokeEndpoint over embedded models", () => {
  it("takes features and answers as a plain predictor, its decision in the headers", async () => {
    const gateway = await createNamed()
    const answer = await post(gateway, PATH, FEATURES)
    const body = await readJson(answer)
    expect([answer.status, body]).toEqual([
      200,
      { prediction: expect.any(Number), model: expect.stringMatching(/^[ab]$/) },
    ])
    expect(mismatch("PlainPrediction", body)).toBeUndefined()
    const token = answer.headers.get("x-decision")
    expect(answer.headers.get(ATTRIBUTES)).toBe(`decision=${token}`)
    expect(answer.headers.get("x-amzn-invoked-production-variant")).toBe(answer.headers.get("x-variant"))
    expect(answer.headers.get("x-amzn-requestid")).toMatch(/^[\w-]+$/)
    expect((await gateway.request(`/reward?d=${token}`)).status).toBe(200)
    expect(await gateway.rewards()).toBe(1)
  })

  it.each([
    ["a list", [FEATURES, FEATURES]],
    ["instances", { instances: [FEATURES, FEATURES] }],
  ])("takes a slate as %s", async (_, slate) => {
    const body = await readJson(await post(await createNamed(), PATH, slate))
    expect(body).toEqual({ predictions: [expect.any(Number), expect.any(Number)], model: expect.any(String) })
    expect(mismatch("PlainPrediction", body)).toBeUndefined()
  })

  it("gives a unit the variant that it has everywhere, however the unit is named", async () => {
    const gateway = await createNamed()
    for (const unit of ["user-1", "user-2", "user-3", "user-4", "user-5"]) {
      const native = await gateway.postJson("/predict/banner-ctr", { unitId: unit, features: FEATURES })
      const asked = [
        post(gateway, PATH, FEATURES, { "x-unit-id": unit }),
        post(gateway, PATH, FEATURES, { [ATTRIBUTES]: `c000b4f9;unitId=${unit}` }),
        post(gateway, PATH, FEATURES, { [ATTRIBUTES]: `tenant=a, unitId=${unit.replace("-", "%2D")}` }),
        post(gateway, PATH, { unitId: unit, features: FEATURES }),
      ]
      for (const answer of await Promise.all(asked)) {
        expect(answer.headers.get("x-variant")).toBe(native.headers.get("x-variant"))
      }
    }
    const units = (await gateway.logged()).map((line) => /"unit":"([^"]*)"/.exec(line)?.[1])
    expect(new Set(units.filter((unit) => unit !== undefined)).size).toBe(5)
  })

  it("forces the target variant", async () => {
    const gateway = await createNamed()
    const answer = await post(gateway, PATH, FEATURES, { "x-amzn-sagemaker-target-variant": "challenger" })
    expect(answer.headers.get("x-amzn-invoked-production-variant")).toBe("challenger")
    expect((await gateway.logged()).at(-1)).toContain('"reason":"forced"')
  })

  it.each([
    ["an unknown endpoint", "/endpoints/none/invocations", FEATURES, {}],
    ["an unknown variant", PATH, FEATURES, { "x-amzn-sagemaker-target-variant": "zqjx" }],
    ["a body that is no JSON", PATH, "1,2,3\n", { "content-type": "text/csv" }],
    ["features that are none", PATH, { hour: null }, {}],
    ["another experiment", PATH, { experiment: "other", features: FEATURES }, {}],
    ["a variant in the body", PATH, { features: FEATURES, variant: "champion" }, {}],
    ["a unit that is not percent-encoded", PATH, FEATURES, { [ATTRIBUTES]: "unitId=%zz" }],
    ["a unit with a control character", PATH, FEATURES, { [ATTRIBUTES]: "unitId=a%0ab" }],
    ["custom attributes of 2 KB", PATH, FEATURES, { [ATTRIBUTES]: "x".repeat(2000) }],
    ["custom attributes with a letter outside ASCII", PATH, FEATURES, { [ATTRIBUTES]: "é" }],
    ["a unit in a header with a blank", PATH, FEATURES, { "x-unit-id": "a b" }],
  ])("refuses %s as a ValidationError", async (_, path, body, headers) => {
    const answer = await post(await createNamed(), path, body, headers)
    const told = await readJson(answer)
    expect([answer.status, told]).toEqual([400, { message: expect.any(String) }])
    expect(answer.headers.get("x-amzn-errortype")).toBe("ValidationError")
    expect(answer.headers.get("x-amzn-requestid")).toBe(answer.headers.get("x-request-id"))
    expect(mismatch("SageMakerError", told)).toBeUndefined()
    expect(JSON.stringify(told)).not.toMatch(/zqjx|other/)
  })

  it("says in the SDK's words that nobody could answer", async () => {
    const gateway = await createNamed()
    for (const model of gateway.models) model.behaviour = { kind: "fail", error: new Error("no") }
    const answer = await post(gateway, PATH, FEATURES)
    expect([answer.status, answer.headers.get("x-amzn-errortype")]).toEqual([503, "ServiceUnavailable"])
  })

  it("doesn't stream, and takes no asynchronous call", async () => {
    const gateway = await createNamed()
    const streaming = await post(gateway, `${PATH}-response-stream`, FEATURES)
    expect([streaming.status, streaming.headers.get("x-amzn-errortype")]).toEqual([501, "InternalFailure"])
    expect((await post(gateway, "/endpoints/CTR-Prod/async-invocations", "")).status).toBe(400)
    expect((await gateway.logged()).filter((line) => line.includes('"decision"'))).toEqual([])
  })
})

describe("InvokeEndpoint over endpoints of SageMaker", () => {
  it("passes the body and its headers on as they are, and the answer back", async () => {
    const gateway = await createNamed()
    speak(gateway.models, "sagemaker")
    const headers = {
      "content-type": "text/csv",
      accept: "text/csv",
      [ATTRIBUTES]: "tenant=a",
      "x-amzn-sagemaker-inference-id": "mine-1",
      "x-amzn-sagemaker-target-variant": "challenger",
      authorization: "AWS4-HMAC-SHA256 Credential=x",
      cookie: "a=b",
    }
    const answer = await post(gateway, PATH, OPAQUE, headers)
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/x-own"])
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(OPAQUE)
    expect(lastPayload(gateway.models)).toEqual({
      protocol: "sagemaker",
      bytes: OPAQUE,
      contentType: "text/csv",
      headers: { accept: "text/csv", [ATTRIBUTES]: "tenant=a", "x-amzn-sagemaker-inference-id": "mine-1" },
    })
  })

  it.each([
    ["behind the decision", 100, true],
    ["not where both are too long", 1000, false],
  ])("puts an endpoint's own custom attributes %s", async (_, length, kept) => {
    const gateway = await createNamed()
    const own = "x".repeat(length)
    const body = { bytes: OPAQUE, contentType: undefined, headers: { [ATTRIBUTES]: own } }
    speak(gateway.models, "sagemaker", { kind: "body", body })
    const { headers } = await post(gateway, PATH, OPAQUE)
    const decision = `decision=${headers.get("x-decision")}`
    expect(headers.get(ATTRIBUTES)).toBe(kept ? `${decision};${own}` : decision)
  })

  it("answers an asynchronous call with where the answer will be", async () => {
    const gateway = await createNamed()
    const location = "s3://bucket/out"
    const answer = { kind: "accepted", location, failureLocation: "s3://bucket/failed" } as const
    speak(gateway.models, "sagemaker-async", answer)
    const input = { "x-amzn-sagemaker-inputlocation": "s3://bucket/in" }
    const accepted = await post(gateway, "/endpoints/CTR-Prod/async-invocations", "", input)
    expect(accepted.status).toBe(202)
    expect(await readJson(accepted)).toEqual({ InferenceId: accepted.headers.get("x-decision-id") })
    expect(accepted.headers.get("x-amzn-sagemaker-outputlocation")).toBe(location)
    expect(accepted.headers.get("x-amzn-sagemaker-failurelocation")).toBe("s3://bucket/failed")
    expect(lastPayload(gateway.models)?.headers).toEqual(input)
  })

  it("takes as large a body as its targets do", async () => {
    const gateway = await createNamed()
    const large = new Uint8Array(100_000)
    expect((await post(gateway, PATH, large)).status).toBe(413)
    speak(gateway.models, "sagemaker")
    expect((await post(gateway, PATH, large)).status).toBe(413)
    for (const model of gateway.models) Object.assign(model, { maxBodyBytes: 200_000 })
    expect((await post(gateway, PATH, large)).status).toBe(200)
  })

  it("answers with the embedded model where only the other one speaks SageMaker, and the body can be read", async () => {
    const gateway = await createNamed()
    speak(
      gateway.models.filter(({ model }) => model === "b"),
      "sagemaker",
    )
    const forced = (variant: string) => ({ "x-amzn-sagemaker-target-variant": variant })
    expect(await readJson(await post(gateway, PATH, FEATURES, forced("champion")))).toMatchObject({ model: "a" })
    const passed = await post(gateway, PATH, FEATURES, forced("challenger"))
    expect(new Uint8Array(await passed.arrayBuffer())).toEqual(OPAQUE)
    for (const model of gateway.models) {
      if (model.model === "b") model.behaviour = { kind: "fail", error: new Error("no") }
    }
    expect(await readJson(await post(gateway, PATH, FEATURES, forced("challenger")))).toMatchObject({ model: "a" })
    expect((await post(gateway, PATH, OPAQUE, forced("challenger"))).status).toBe(503)
  })
})

it("a page's script may not invoke an endpoint: it wouldn't have to ask", async () => {
  const answer = await post(await createNamed(), PATH, FEATURES, { origin: "https://evil.example" })
  expect([answer.status, answer.headers.get("x-amzn-errortype")]).toEqual([403, "AccessDeniedException"])
})
