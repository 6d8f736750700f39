import { describe, expect, it } from "vitest"
import { createTestGateway, type TestGateway } from "../gateway.ts"
import { FEATURES, post } from "./asked.ts"

const apiKeys = [
  { name: "caller", permissions: ["predict"], secret: "secret-of-a-caller" },
  { name: "tester", permissions: ["predict", "force"], secret: "secret-of-a-tester" },
]

type Forced = (gateway: TestGateway, key: Readonly<Record<string, string>>) => Promise<Response>

const FORCED: readonly (readonly [string, Forced])[] = [
  [
    "SageMaker",
    (gateway, key) =>
      post(gateway, "/endpoints/banner-ctr/invocations", FEATURES, {
        ...key,
        "x-amzn-sagemaker-target-variant": "challenger",
      }),
  ],
  [
    "Open Inference V2",
    (gateway, key) => {
      const inputs = [{ name: "a", datatype: "BYTES", shape: [1], data: ["x"] }]
      return post(gateway, "/v2/models/banner-ctr/versions/challenger/infer", { inputs }, key)
    },
  ],
  [
    "the AWS sample",
    (gateway, key) =>
      post(gateway, "/invocation", { endpoint_name: "banner-ctr", endpoint_variant: "challenger", data: "{}" }, key),
  ],
]

describe("a gateway key", () => {
  it.each([
    ["authorization", "Bearer secret-of-a-caller"],
    ["x-amz-security-token", "secret-of-a-caller"],
    ["x-auth-token", "secret-of-a-caller"],
  ])("travels in %s", async (name, value) => {
    const gateway = await createTestGateway({ apiKeys })
    const signed = name === "authorization" ? {} : { authorization: "AWS4-HMAC-SHA256 Credential=x, Signature=y" }
    const ask = (headers: Readonly<Record<string, string>>) =>
      post(gateway, "/v1/models/banner-ctr:predict", { instances: [FEATURES] }, headers)
    expect((await ask({ ...signed, [name]: value })).status).toBe(200)
    expect((await ask({ ...signed, [name]: `${value}-not` })).status).toBe(401)
    expect((await ask(signed)).status).toBe(401)
  })

  it.each(FORCED)("that may not force a variant doesn't, with %s", async (_, force) => {
    const gateway = await createTestGateway({ apiKeys })
    expect((await force(gateway, { "x-auth-token": "secret-of-a-caller" })).status).toBe(403)
    expect((await gateway.logged()).filter((line) => line.includes('"forced"'))).toEqual([])
    const forced = await force(gateway, { "x-auth-token": "secret-of-a-tester" })
    expect([forced.status, forced.headers.get("x-variant")]).toEqual([200, "challenger"])
  })

  it("of an unknown holder is refused as the SDKs of AWS know it", async () => {
    const gateway = await createTestGateway({ apiKeys })
    const answer = await post(gateway, "/endpoints/banner-ctr/invocations", FEATURES)
    expect([answer.status, answer.headers.get("x-amzn-errortype")]).toEqual([403, "UnrecognizedClientException"])
  })
})
