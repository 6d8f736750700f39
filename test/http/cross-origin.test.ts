import { describe, expect, it } from "vitest"
import { createTestGateway, type TestGateway } from "./gateway.ts"

const SHOP = "https://shop.example"

function preflight({ request }: TestGateway, origin: string, path = "/reward", method = "POST"): Promise<Response> {
  return request(path, {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": method, "access-control-request-headers": "content-type" },
  })
}

function grantsOf({ headers }: Response): string[] {
  return [...headers.keys()].filter((name) => name.startsWith("access-control-"))
}

describe("given origins whose pages may post rewards", () => {
  it("lets their scripts post a reward and read the answer, problems too", async () => {
    const gateway = await createTestGateway({ rewardOrigins: [SHOP] })
    const asked = await preflight(gateway, SHOP)
    expect(asked.status).toBe(204)
    expect(Object.fromEntries(asked.headers)).toMatchObject({
      "access-control-allow-origin": SHOP,
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": expect.stringContaining("content-type"),
      // Without it no browser sends a beacon.
      "access-control-allow-credentials": "true",
      vary: expect.stringMatching(/^origin\b/),
    })
    const decision = await gateway.decide()
    for (const [body, status] of [
      [{ decision }, 200],
      [{ decision: "forged" }, 403],
      [[{ decision }, { decision: "forged" }], 207],
    ] as const) {
      const response = await gateway.postJson("/reward", body, { origin: SHOP })
      expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([status, SHOP])
      expect(response.headers.get("vary")).toBe("origin")
    }
  })

  it.each([
    "https://evil.example",
    "http://shop.example",
    "https://shop.example:8443",
    "https://shop.example.evil.example",
    "null",
  ])("refuses a preflight from %s, and shares nothing with it", async (origin) => {
    const gateway = await createTestGateway({ rewardOrigins: [SHOP] })
    const asked = await preflight(gateway, origin)
    expect([asked.status, grantsOf(asked)]).toEqual([403, []])
    expect(asked.headers.get("content-type")).toBe("application/problem+json")
    const posted = await gateway.postJson("/reward", { decision: await gateway.decide() }, { origin })
    expect([posted.status, grantsOf(posted)]).toEqual([200, []])
    // A cache must not give this answer to a page that may read it.
    expect(posted.headers.get("vary")).toBe("origin")
  })

  it("lets them do nothing else", async () => {
    const gateway = await createTestGateway({ rewardOrigins: [SHOP] })
    for (const [path, method] of [
      ["/predict", "POST"],
      ["/predict/banner-ctr", "POST"],
      ["/admin/experiments", "GET"],
      ["/metrics", "GET"],
      ["/reward", "DELETE"],
    ] as const) {
      const asked = await preflight(gateway, SHOP, path, method)
      expect([path, asked.status, grantsOf(asked)]).toEqual([path, 403, []])
    }
    const read = await gateway.request("/admin/experiments", { headers: { origin: SHOP } })
    expect(grantsOf(read)).toEqual([])
  })

  it("answers OPTIONS that is no preflight as any other method that a path lacks", async () => {
    const { request } = await createTestGateway({ rewardOrigins: [SHOP] })
    expect((await request("/reward", { method: "OPTIONS" })).status).toBe(405)
  })
})

it("48: given no origins, refuses every preflight and shares nothing", async () => {
  const gateway = await createTestGateway()
  for (const path of ["/reward", "/predict"]) {
    const asked = await preflight(gateway, SHOP, path)
    expect([asked.status, grantsOf(asked)]).toEqual([403, []])
    expect(await asked.json()).toMatchObject({ code: "origin_not_allowed" })
  }
  expect(grantsOf(await gateway.postJson("/reward", {}, { origin: SHOP }))).toEqual([])
})

it("given *, lets every page post rewards, without credentials", async () => {
  const gateway = await createTestGateway({ rewardOrigins: ["*"] })
  const asked = await preflight(gateway, "https://any.example")
  expect([asked.status, asked.headers.get("access-control-allow-origin")]).toEqual([204, "*"])
  expect(asked.headers.has("access-control-allow-credentials")).toBe(false)
})
