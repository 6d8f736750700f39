import { describe, expect, it } from "vitest"
import { createTestGateway, readJson, type TestGateway } from "../gateway.ts"
import { mismatch } from "../published-schema.ts"
import { FEATURES, lastPayload, post, speak } from "./asked.ts"

const INVOCATION = { endpoint_name: "banner-ctr", user_id: "user-1", data: JSON.stringify(FEATURES) }

async function invoke(gateway: TestGateway, changes: Readonly<Record<string, unknown>> = {}) {
  const answer = await post(gateway, "/invocation", { ...INVOCATION, ...changes })
  return { answer, body: await readJson(answer) }
}

describe("the AWS A/B testing sample's", () => {
  it.each(["hono", "node"] as const)("invocation, conversion and stats work together, through %s", async (through) => {
    const gateway = await createTestGateway({ through })
    const { answer, body } = await invoke(gateway)
    const variant = answer.headers.get("x-variant")
    expect([answer.status, body]).toEqual([
      200,
      {
        strategy: "ThompsonSampling",
        endpoint_name: "banner-ctr",
        target_variant: variant,
        endpoint_variant: variant,
        inference_id: answer.headers.get("x-decision-id"),
        user_id: "user-1",
        decision: answer.headers.get("x-decision"),
        predictions: { prediction: expect.any(Number), model: expect.any(String) },
      },
    ])
    expect(mismatch("SampleInvocationAnswer", body)).toBeUndefined()
    const conversion = await readJson(await post(gateway, "/conversion", { ...body, reward: 1 }))
    expect(conversion).toMatchObject({ endpoint_variant: variant, user_id: "user-1", reward: 1, status: "applied" })
    expect(mismatch("SampleConversionAnswer", conversion)).toBeUndefined()
    expect(await gateway.rewards()).toBe(1)
    const stats = await readJson(await post(gateway, "/stats", { endpoint_name: "banner-ctr" }))
    expect(mismatch("SampleStatsAnswer", stats)).toBeUndefined()
    expect(stats).toMatchObject({ strategy: "ThompsonSampling", epsilon: 0, warmup: 0 })
    const metrics = stats["variant_metrics"]
    expect(metrics).toContainEqual({
      endpoint_name: "banner-ctr",
      variant_name: variant,
      initial_variant_weight: 1,
      invocation_count: 1,
      conversion_count: 1,
      reward_sum: 1,
    })
  })

  it.each(["hono", "node"] as const)("calls may be PUT as well, through %s", async (through) => {
    const gateway = await createTestGateway({ through })
    const put = async (path: string, body: object) => {
      const answer = await gateway.request(path, { method: "PUT", body: JSON.stringify(body) })
      return [answer.status, await readJson(answer)] as const
    }
    const [status, body] = await put("/invocation", INVOCATION)
    expect([status, mismatch("SampleInvocationAnswer", body)]).toEqual([200, undefined])
    expect(await put("/conversion", { ...body, reward: 1 })).toMatchObject([200, { status: "applied" }])
    expect(await put("/stats", { endpoint_name: "banner-ctr" })).toMatchObject([200, { strategy: "ThompsonSampling" }])
  })

  it("invocation keeps a user's variant, and makes an id for one who has none", async () => {
    const gateway = await createTestGateway()
    for (const unit of ["user-1", "user-2", "user-3"]) {
      const native = await gateway.postJson("/predict/banner-ctr", { unitId: unit, features: {} })
      const { body } = await invoke(gateway, { user_id: unit })
      expect(body["target_variant"]).toBe(native.headers.get("x-variant"))
    }
    const { user_id: _, ...anonymous } = INVOCATION
    const body = await readJson(await post(gateway, "/invocation", anonymous))
    expect(body["user_id"]).toBe(body["inference_id"])
  })

  it("invocation says that a variant was forced, or that another one answered", async () => {
    const gateway = await createTestGateway()
    expect((await invoke(gateway, { endpoint_variant: "challenger" })).body["strategy"]).toBe("Manual")
    for (const model of gateway.models) {
      if (model.model === "b") model.behaviour = { kind: "fail", error: new Error("no") }
    }
    const bodies: Record<string, unknown>[] = []
    for (let i = 0; i < 20; i++) bodies.push((await invoke(gateway, { user_id: `user-${i}` })).body)
    const fallback = bodies.find(({ strategy }) => strategy === "Fallback")
    expect(fallback).toMatchObject({ target_variant: "challenger", endpoint_variant: "champion" })
  })

  it.each([
    ["EpsilonGreedy", { kind: "epsilon-greedy", epsilon: 0.2, burnInDecisions: 10 }, 0.2, 10],
    ["WeightedSampling", { kind: "static" }, 0, 0],
    ["UCB1", { kind: "ucb1" }, 0, 0],
    ["softmax", { kind: "softmax" }, 0, 0],
  ])("stats call the policy %s", async (strategy, policy, epsilon, warmup) => {
    const gateway = await createTestGateway()
    await gateway.publish({ policy })
    const stats = await readJson(await post(gateway, "/stats", { endpoint_name: "banner-ctr" }))
    expect(stats).toMatchObject({ strategy, epsilon, warmup })
  })

  it.each([
    ["/invocation", { ...INVOCATION, endpoint_name: "none" }, 404],
    ["/invocation", { ...INVOCATION, endpoint_name: undefined }, 422],
    ["/invocation", { ...INVOCATION, endpoint_variant: "zqjx" }, 400],
    ["/invocation", { ...INVOCATION, data: "zqjx" }, 400],
    ["/invocation", { ...INVOCATION, data: FEATURES }, 422],
    ["/invocation", { ...INVOCATION, content_type: "text/csv" }, 422],
    ["/invocation", "zqjx", 400],
    ["/conversion", { endpoint_name: "banner-ctr", user_id: "user-1", reward: 1 }, 422],
    ["/conversion", { endpoint_name: "banner-ctr", decision: "v1.zqjx" }, 403],
    ["/stats", {}, 422],
  ])("%s refuses %o with %i", async (path, body, status) => {
    const answer = await post(await createTestGateway(), path, body)
    const told = await readJson(answer)
    expect([answer.status, told]).toEqual([status, { message: expect.any(String) }])
    expect(mismatch("AwsSampleError", told)).toBeUndefined()
    expect(JSON.stringify(told)).not.toMatch(/zqjx/)
  })

  it("invocation passes data to endpoints of SageMaker, and their JSON back", async () => {
    const gateway = await createTestGateway()
    const answers = [
      ['{"predictions":[0.7]}', { predictions: [0.7] }],
      ["0.7,0.1", "0.7,0.1"],
    ] as const
    for (const [text, predictions] of answers) {
      const body = { bytes: new TextEncoder().encode(text), contentType: undefined, headers: {} }
      speak(gateway.models, "sagemaker", { kind: "body", body })
      const { body: answered } = await invoke(gateway, {
        data: "1,2",
        content_type: "text/csv",
        inference_id: "mine-1",
      })
      expect(answered).toMatchObject({ predictions, inference_id: "mine-1" })
    }
    expect(lastPayload(gateway.models)).toMatchObject({
      protocol: "sagemaker",
      bytes: new TextEncoder().encode("1,2"),
      contentType: "text/csv",
      headers: { "x-amzn-sagemaker-inference-id": "mine-1" },
    })
  })
})
