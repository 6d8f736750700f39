import { expect, it } from "vitest"
import { createTestGateway } from "./gateway.ts"

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

it.each([
  ["passes a trace on to the model", TRACEPARENT, TRACEPARENT],
  ["starts none where there is none", undefined, undefined],
  ["ignores one in capitals", TRACEPARENT.toUpperCase(), undefined],
  ["ignores one of an impossible version", TRACEPARENT.replace(/^00/, "ff"), undefined],
  ["ignores one without a trace id", `00-${"0".repeat(32)}-b7ad6b7169203331-01`, undefined],
  ["ignores one without a parent id", `00-0af7651916cd43dd8448eb211c80319c-${"0".repeat(16)}-01`, undefined],
  ["ignores one with more behind it", `${TRACEPARENT}-x`, undefined],
])("%s, and answers either way", async (_, header, passedOn) => {
  const gateway = await createTestGateway()
  const headers: Record<string, string> = header === undefined ? {} : { traceparent: header }
  expect((await gateway.postJson("/predict", { features: {} }, headers)).status).toBe(200)
  const asked = gateway.models.filter(({ calls }) => calls > 0)
  expect(asked.map(({ lastCall }) => lastCall?.traceparent)).toEqual([passedOn])
})
