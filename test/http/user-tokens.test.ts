import { SignJWT, UnsecuredJWT } from "jose"
import { describe, expect, it } from "vitest"
import { parseConfig } from "#src/config.ts"
import { createTestGateway, readJson } from "./gateway.ts"
import { startIdentityProvider } from "./identity-provider.ts"

const SECRET = "secret-of-the-first"

async function given(environment: Readonly<Record<string, string>> = {}) {
  const provider = await startIdentityProvider()
  const { oidc } = parseConfig({ OIDC_ISSUER: provider.issuer, OIDC_AUDIENCE: "bandit-gateway", ...environment })
  const gateway = await createTestGateway({
    ...(oidc === undefined ? {} : { oidc }),
    apiKeys: [{ name: "first", permissions: ["view"], secret: SECRET }],
  })
  const ask = (token: string, path = "/admin/experiments", body?: unknown) =>
    body === undefined
      ? gateway.request(path, { headers: { authorization: `Bearer ${token}` } })
      : gateway.postJson(path, body, { authorization: `Bearer ${token}` })
  const status = async (token: string, path?: string) => (await ask(token, path)).status
  const sign = (claims?: Readonly<Record<string, unknown>>, by?: Parameters<typeof provider.sign>[2]) =>
    provider.sign(gateway.clock.now(), claims, by)
  return { ...gateway, provider, ask, status, sign }
}

describe("a user's token", () => {
  it("opens /admin as far as the user's roles go, and nothing else", async () => {
    const { ask, status, sign } = await given()
    const viewer = await sign()
    expect(await status(viewer)).toBe(200)
    expect(await status(viewer, "/admin/keys")).toBe(403)
    expect(await status(viewer, "/metrics")).toBe(401)
    const predict = await ask(viewer, "/predict", { features: {} })
    expect(predict.status).toBe(401)
    expect(await status(await sign({ roles: ["view", "admin"] }), "/admin/keys")).toBe(200)
    for (const roles of [[], "nobody", { view: true }, [1, null], undefined]) {
      expect(await status(await sign({ roles }))).toBe(403)
    }
  })

  it("names the user where something is recorded: a verified address, else the subject", async () => {
    const { ask, sign } = await given()
    const make = async (claims: Readonly<Record<string, unknown>>) => {
      const wish = { name: "ads", permissions: ["predict"] }
      const response = await ask(await sign({ roles: ["admin"], ...claims }), "/admin/keys", wish)
      return await readJson(response)
    }
    expect(await make({})).toMatchObject({ key: { createdBy: "user:u-1" } })
    const email = "ann@shop.example"
    expect(await make({ email, email_verified: true })).toMatchObject({ key: { createdBy: `user:${email}` } })
    expect(await make({ email, email_verified: "true" })).toMatchObject({ key: { createdBy: "user:u-1" } })
    expect(await make({ sub: "a\n\u0000b" })).toMatchObject({ key: { createdBy: "user:a??b" } })
  })

  it.each([
    ["another issuer's", { iss: "http://127.0.0.1:1" }],
    ["for another audience", { aud: "another-gateway" }],
    ["without an audience", { aud: undefined }],
    ["expired more than a minute ago", { exp: Date.UTC(2026, 10, 21, 11, 58, 59) / 1000 }],
    ["without an end", { exp: undefined }],
    ["not in force for two minutes", { nbf: Date.UTC(2026, 10, 21, 12, 2) / 1000 }],
    ["of nobody", { sub: undefined }],
  ])("is refused where it is %s", async (_, claims) => {
    const { ask, sign } = await given()
    const response = await ask(await sign(claims))
    expect([response.status, await readJson(response)]).toMatchObject([401, { code: "unauthorized" }])
  })

  it("is refused with any other signature than one of the provider's", async () => {
    const { status, sign, clock, provider } = await given()
    const good = await sign()
    expect(await status(good)).toBe(200)
    const [header = "", payload = "", signature = ""] = good.split(".")
    const seconds = Math.floor(clock.now() / 1000)
    const claims = { iss: provider.issuer, aud: "bandit-gateway", sub: "u-1", exp: seconds + 300, roles: ["admin"] }
    const forgeries = [
      `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`,
      `${header}.${payload}.${signature.slice(0, -2)}AA`,
      `${header}.${payload}.`,
      new UnsecuredJWT(claims).encode(),
      `${new UnsecuredJWT(claims).encode()}x`,
      await new SignJWT(claims)
        .setProtectedHeader({ alg: "HS256", kid: "k1" })
        .sign(new TextEncoder().encode("a".repeat(32))),
      await sign({ roles: ["admin"] }, await provider.makePair("k1")),
      await sign({ roles: ["admin"] }, await provider.makePair("k2")),
      "eyJ.eyJ.x",
    ]
    for (const forgery of forgeries) expect([forgery, await status(forgery)]).toEqual([forgery, 401])
  })

  it("may have its roles elsewhere, under other names", async () => {
    const environment = { OIDC_ROLE_CLAIM: "realm_access.roles", OIDC_ROLES: "ml-team:view+edit,urn:x:root:admin" }
    const { status, sign } = await given(environment)
    const of = (roles: readonly string[]) => sign({ roles: ["admin"], realm_access: { roles } })
    expect(await status(await of(["ml-team"]))).toBe(200)
    expect(await status(await of(["urn:x:root"]), "/admin/keys")).toBe(200)
    expect(await status(await of(["view", "admin", "__proto__"]))).toBe(403)
    const dotted = await given({ OIDC_ROLE_CLAIM: "https://shop.example/roles" })
    expect(await dotted.status(await dotted.sign({ "https://shop.example/roles": "view" }))).toBe(200)
  })
})

describe("given the provider's keys", () => {
  it("asks for them when the first token comes, once, and goes on without the provider", async () => {
    const { status, sign, provider } = await given()
    expect(await status(SECRET)).toBe(200)
    expect(provider.state.asked).toBe(0)
    for (let i = 0; i < 5; i++) expect(await status(await sign())).toBe(200)
    expect(provider.state.asked).toBe(2)
    provider.state.away = true
    expect(await status(await sign())).toBe(200)
  })

  it("says so while it can't be asked, asks it no more than every five seconds, and leaves API keys alone", async () => {
    const { ask, status, sign, provider, clock } = await given()
    provider.state.away = true
    const token = await sign()
    const refused = await ask(token)
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"])
    expect(await readJson(refused)).toMatchObject({ code: "identity_unavailable" })
    for (let i = 0; i < 20; i++) expect(await status(token)).toBe(503)
    expect(provider.state.asked).toBe(1)
    expect(await status(SECRET)).toBe(200)
    provider.state.away = false
    expect(await status(token)).toBe(503)
    clock.advance(5)
    expect(await status(token)).toBe(200)
  })
})
