import { describe, expect, it } from "vitest"
import { OPERATIONS } from "#src/http/contract/operations.ts"
import { createTestGateway, readJson } from "./gateway.ts"

const SECRET = "secret-of-an-admin"
const AUTHORIZED = { authorization: `Bearer ${SECRET}` }
const APP_KEYS = { apiKeys: [{ name: "admin", permissions: ["admin", "edit", "view", "predict"], secret: SECRET }] }
const WISH = { name: "ads", permissions: ["predict"] }

/** What a browser says of the page, whether it may change anything, and why. */
const PAGES: readonly (readonly [string, Readonly<Record<string, string>>, boolean])[] = [
  ["a program", {}, true],
  ["a page of the gateway", { "sec-fetch-site": "same-origin", origin: "http://localhost" }, true],
  ["a page of another port of the host", { "sec-fetch-site": "same-site", origin: "http://localhost:3000" }, false],
  ["a page of another site", { "sec-fetch-site": "cross-site", origin: "https://evil.example" }, false],
  ["a form of another site in a hidden frame", { "sec-fetch-site": "cross-site", origin: "null" }, false],
  ["an address that a person typed", { "sec-fetch-site": "none" }, false],
  ["what nobody says", { "sec-fetch-site": "" }, false],
  ["an old browser on a page of the gateway", { origin: "http://localhost" }, true],
  ["an old browser on another site", { origin: "https://evil.example" }, false],
  ["an old browser on another port", { origin: "http://localhost:3000" }, false],
  ["an old browser with TLS where there is none", { origin: "https://localhost" }, false],
  ["an old browser in a sandbox", { origin: "null" }, false],
]

describe.each([
  ["without keys", {}, {}],
  ["with a key that may do everything", APP_KEYS, AUTHORIZED],
])("given a gateway %s", (_, options, authorized) => {
  it.each(PAGES)("by %s", async (_page, headers, allowed) => {
    const { postJson } = await createTestGateway(options)
    const response = await postJson("/admin/keys", WISH, { host: "localhost", ...authorized, ...headers })
    const { code } = await readJson(response)
    expect(response.status === 403 && code === "origin_not_allowed").toBe(!allowed)
  })

  it("everything that changes something under /admin is refused to another site", async () => {
    const { request } = await createTestGateway(options)
    const changes = OPERATIONS.filter(({ method, path }) => path.startsWith("/admin") && method !== "get")
    expect(changes.length).toBeGreaterThan(1)
    for (const { method, path } of changes) {
      const response = await request(path.replaceAll(/\{\w+\}/g, "banner-ctr"), {
        method: method.toUpperCase(),
        headers: { "sec-fetch-site": "cross-site", ...authorized },
      })
      expect([path, await readJson(response)]).toMatchObject([path, { code: "origin_not_allowed" }])
    }
  })
})

it("behind a proxy, pages of the gateway are where PUBLIC_URL says", async () => {
  const { postJson } = await createTestGateway({ ...APP_KEYS, publicUrl: "https://gateway.example/bandit/" })
  const by = async (headers: Readonly<Record<string, string>>) =>
    (await postJson("/admin/keys", WISH, { ...AUTHORIZED, host: "10.0.0.7:8080", ...headers })).status
  expect(await by({ origin: "https://gateway.example" })).toBe(201)
  expect(await by({ origin: "https://gateway.example", "sec-fetch-site": "same-origin" })).toBe(201)
  expect(await by({ origin: "https://gateway.example", "sec-fetch-site": "same-site" })).toBe(403)
  for (const origin of ["http://10.0.0.7:8080", "http://gateway.example", "https://gateway.example:8443"]) {
    expect([origin, await by({ origin })]).toEqual([origin, 403])
  }
})

it("whatever page asks, predictions and rewards are as before: they have no user to act for", async () => {
  const gateway = await createTestGateway()
  const foreign = { "sec-fetch-site": "cross-site", origin: "https://evil.example" }
  expect((await gateway.postJson("/predict", { features: {} }, foreign)).status).toBe(200)
  expect((await gateway.postJson("/reward", { decision: await gateway.decide() }, foreign)).status).toBe(200)
})
