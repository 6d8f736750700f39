import { describe, expect, it } from "vitest"
import { createTestGateway, readJson } from "../gateway.ts"

const FEATURES = { hour: "14102100", banner_pos: "0" }

describe("InvokeEndpoint", () => {
  it("answers as a plain predictor, its decision in the headers", async () => {
    const gateway = await createTestGateway()
    await gateway.publish({ names: ["CTR-Prod"] })
    const answer = await gateway.postJson("/endpoints/CTR-Prod/invocations", FEATURES)
    expect([answer.status, await answer.clone().text()]).toEqual([200, expect.anything()])
    const body = await readJson(answer)
    expect(body).toEqual({ prediction: expect.any(Number), model: expect.stringMatching(/^[ab]$/) })
    expect(answer.headers.get("x-amzn-invoked-production-variant")).toBe(answer.headers.get("x-variant"))
  })
})
