import { expect, it } from "vitest"
import { createTestGateway } from "./gateway.ts"

const TRACE = "0af7651916cd43dd8448eb211c80319c"

async function passedOn(headers: Readonly<Record<string, string>>): Promise<string> {
  const gateway = await createTestGateway()
  expect((await gateway.postJson("/predict", { features: {} }, headers)).status).toBe(200)
  const asked = gateway.models.find(({ calls }) => calls > 0)
  return asked?.lastCall?.traceHeaders()["traceparent"] ?? ""
}

it("continues the caller's trace in the call to a model, as a span of its own", async () => {
  const parent = "b7ad6b7169203331"
  const traceparent = await passedOn({ traceparent: `00-${TRACE}-${parent}-01` })
  expect(traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`))
  expect(traceparent).not.toContain(parent)
})

it.each([
  ["none", undefined],
  ["one in capitals", `00-${TRACE.toUpperCase()}-b7ad6b7169203331-01`],
  ["one without a trace id", `00-${"0".repeat(32)}-b7ad6b7169203331-01`],
])("begins a trace for a caller who sent %s", async (_, traceparent) => {
  const begun = await passedOn(traceparent === undefined ? {} : { traceparent })
  expect(begun).toMatch(/^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-00$/)
  expect(begun).not.toContain(TRACE)
})
