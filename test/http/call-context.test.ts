import { describe, expect, it } from "vitest"
import { CallContext } from "#src/http/call-context.ts"
import { createTestGateway } from "./gateway.ts"

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const callWith = (headers: Readonly<Record<string, string>>) => new CallContext((name) => headers[name])

describe("a traceparent", () => {
  it.each([
    ["as the standard shows it", TRACEPARENT],
    ["of a later version that goes on", `cc-${TRACE}-00f067aa0ba902b7-01-what-the-future-holds`],
    ["of a later version", `01-${TRACE}-00f067aa0ba902b7-09`],
  ])("%s is honoured", (_, traceparent) => {
    const call = callWith({ traceparent, tracestate: "congo=t61rcWkgMzE" })
    expect(call.trace).toEqual({ traceId: TRACE, flags: "01", state: "congo=t61rcWkgMzE" })
    const { traceparent: onward = "", tracestate } = call.onward()
    expect(onward).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`))
    expect(onward).not.toContain("00f067aa0ba902b7")
    expect(tracestate).toBe("congo=t61rcWkgMzE")
    // Each call to a backend is a span of its own.
    expect(call.onward()["traceparent"]).not.toBe(onward)
  })

  it.each([
    ["missing", ""],
    ["garbage", "garbage"],
    ["of version ff", `ff-${TRACE}-00f067aa0ba902b7-01`],
    ["that goes on under version 00", `${TRACEPARENT}-more`],
    ["without a hyphen before what follows", `01-${TRACE}-00f067aa0ba902b7-01more`],
    ["in upper case", TRACEPARENT.toUpperCase()],
    ["with a trace of zeros", `00-${"0".repeat(32)}-00f067aa0ba902b7-01`],
    ["with a parent of zeros", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["that came twice", `${TRACEPARENT}, ${TRACEPARENT}`],
    ["of 10 KB", `01-${TRACE}-00f067aa0ba902b7-01-${"x".repeat(10_000)}`],
  ])("%s is replaced by a new trace, and its tracestate dropped", (_, traceparent) => {
    const call = callWith({ traceparent, tracestate: "congo=t61rcWkgMzE" })
    expect(call.trace).toEqual({ traceId: expect.stringMatching(/^[0-9a-f]{32}$/), flags: "00", state: undefined })
    expect(call.trace.traceId).not.toBe(TRACE)
    expect(call.trace).toBe(call.trace)
    expect(Object.keys(call.onward())).toEqual(["traceparent"])
  })
})

describe("an X-Request-Id", () => {
  it("that is well-formed comes back with every answer", async () => {
    const { request, postJson } = await createTestGateway()
    const headers = { "x-request-id": "Az09._-" }
    const body = { experiment: "banner-ctr", features: {} }
    for (const response of [
      await request("/healthz", { headers }),
      await request("/docs", { headers }),
      await request("/nowhere", { headers }),
      await request("/predict", { headers }),
      await postJson("/predict", body, headers),
      await postJson("/predict", [], headers),
      await postJson("/reward", { decision: "forged" }, headers),
    ]) {
      expect([response.status, response.headers.get("x-request-id")]).toEqual([response.status, "Az09._-"])
    }
    expect((await postJson("/predict", body)).headers.has("x-request-id")).toBe(false)
  })

  it.each(["", "a b", "a;b", "é", "x".repeat(129), "x".repeat(5000), "a%0d%0aSet-Cookie:b"])(
    "19: %j is replaced where there is a problem to ask about, and ignored elsewhere",
    async (id) => {
      const { request } = await createTestGateway()
      const headers = { "x-request-id": id }
      expect((await request("/healthz", { headers })).headers.has("x-request-id")).toBe(false)
      expect((await request("/nowhere", { headers })).headers.get("x-request-id")).toMatch(UUID)
    },
  )

  it("is in the log line about its request, beside the trace", async () => {
    const gateway = await createTestGateway()
    gateway.setParts(() => {
      throw new Error("of ours")
    })
    const headers = { "x-request-id": "call-7", traceparent: TRACEPARENT }
    const response = await gateway.request("/readyz", { headers })
    expect([response.status, response.headers.get("x-request-id")]).toEqual([500, "call-7"])
    expect(gateway.logger.fields.at(-1)).toMatchObject({ requestId: "call-7", traceId: TRACE })

    const anonymous = await gateway.request("/readyz")
    expect(gateway.logger.fields.at(-1)).toMatchObject({
      requestId: anonymous.headers.get("x-request-id"),
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    })
  })

  it("18, 19: garbage in either changes no answer", async () => {
    const { postJson } = await createTestGateway()
    for (const garbage of ["\u00ff", "x".repeat(10_000), "00-0-0-0", "'; drop"]) {
      const headers = { traceparent: garbage, tracestate: garbage, "x-request-id": garbage }
      expect((await postJson("/predict", { experiment: "banner-ctr", features: {} }, headers)).status).toBe(200)
    }
  })
})
