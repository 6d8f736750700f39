import { expect, it } from "vitest"
import { createTestGateway, readJson } from "./gateway.ts"

it("gives a slow backend the time that its experiment's document says", async () => {
  const gateway = await createTestGateway()
  for (const model of gateway.models) model.behaviour = { kind: "delay", delayMs: 150, score: () => 0.3 }
  expect((await gateway.postJson("/predict", { features: {} })).status).toBe(503)
  await gateway.publish({ deadlineMs: 10_000 })
  const answer = await gateway.postJson("/predict", { features: {} })
  expect([answer.status, await readJson(answer)]).toMatchObject([200, { prediction: 0.3, degraded: false }])
  expect((await gateway.postJson("/predict", { features: {} }, { "x-deadline-ms": "20" })).status).toBe(503)
})
