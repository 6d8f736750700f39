import { describe, expect, it } from "vitest"
import { createTestGateway, readJson } from "./gateway.ts"
import { mismatch } from "./published-schema.ts"

const SECRET = "secret-of-the-first"
const FIRST = { authorization: `Bearer ${SECRET}` }
const ADS = { name: "ads", permissions: ["predict"] }
const PREDICT = { experiment: "banner-ctr", features: {} }

async function createKeyedGateway() {
  const gateway = await createTestGateway({
    apiKeys: [{ name: "first", permissions: ["view", "admin"], secret: SECRET }],
    defaultExperiment: "banner-ctr",
  })
  const make = async (wish: unknown) => {
    const response = await gateway.postJson("/admin/keys", wish, FIRST)
    const { key, secret } = (await readJson(response)) as { key: { id: string }; secret: string }
    return { id: key.id, authorized: { authorization: `Bearer ${secret}` }, secret }
  }
  const revoke = (id: string) => gateway.request(`/admin/keys/${id}`, { method: "DELETE", headers: FIRST })
  const list = async () => await readJson(await gateway.request("/admin/keys", { headers: FIRST }))
  const predict = async (headers: Readonly<Record<string, string>>) =>
    (await gateway.postJson("/predict", PREDICT, headers)).status
  return { ...gateway, make, revoke, list, predict }
}

describe("a key made over HTTP", () => {
  it("is answered with its secret once, and lists without", async () => {
    const { postJson, list } = await createKeyedGateway()
    const wish = {
      ...ADS,
      permissions: ["force", "predict", "predict"],
      experiments: ["banner-ctr", "not-there-yet"],
      requestsPerSecond: 0.5,
      expiresAt: "2027-01-31T12:00:00+01:00",
    }
    const response = await postJson("/admin/keys", wish, FIRST)
    expect([response.status, response.headers.get("cache-control")]).toEqual([201, "no-store"])
    const made = await readJson(response)
    expect(mismatch("MadeKey", made)).toBeUndefined()
    expect(made["key"]).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
      name: "ads",
      permissions: ["predict", "force"],
      experiments: ["banner-ctr", "not-there-yet"],
      requestsPerSecond: 0.5,
      createdAt: "2026-11-21T12:00:00.000Z",
      createdBy: "first",
      expiresAt: "2027-01-31T11:00:00.000Z",
      lastUsedAt: null,
    })
    const listed = await list()
    expect(mismatch("KeyList", listed)).toBeUndefined()
    expect(listed).toEqual({
      keys: [made["key"]],
      configured: [{ name: "first", permissions: ["view", "admin"] }],
    })
  })

  it("is in force at once, shows when it was used, and is refused once it is revoked", async () => {
    const { make, revoke, list, predict, clock } = await createKeyedGateway()
    const { id, authorized } = await make(ADS)
    clock.advance(90.5)
    expect(await predict(authorized)).toBe(200)
    expect(await list()).toMatchObject({ keys: [{ id, lastUsedAt: "2026-11-21T12:01:30.000Z" }] })
    expect((await revoke(id)).status).toBe(204)
    expect(await predict(authorized)).toBe(401)
    expect(await list()).toMatchObject({ keys: [] })
    expect([(await revoke(id)).status, (await revoke("unknown")).status]).toEqual([404, 404])
  })

  it("replaces another without a moment in which neither is in force", async () => {
    const { make, revoke, predict } = await createKeyedGateway()
    const old = await make(ADS)
    const next = await make(ADS)
    expect([await predict(old.authorized), await predict(next.authorized)]).toEqual([200, 200])
    await revoke(old.id)
    expect([await predict(old.authorized), await predict(next.authorized)]).toEqual([401, 200])
  })

  it("is refused from the moment on that it expires", async () => {
    const { make, predict, clock } = await createKeyedGateway()
    const { authorized } = await make({ ...ADS, expiresAt: "2026-11-21T12:00:10Z" })
    clock.advance(9.999)
    expect(await predict(authorized)).toBe(200)
    clock.advance(0.001)
    expect(await predict(authorized)).toBe(401)
  })

  it("47: is refused where it is used too often, told when to come back, and nobody else is", async () => {
    const { make, postJson, predict, clock } = await createKeyedGateway()
    const { authorized } = await make({ ...ADS, requestsPerSecond: 2 })
    const other = await make({ ...ADS, requestsPerSecond: 2 })
    expect([await predict(authorized), await predict(authorized)]).toEqual([200, 200])
    const refused = await postJson("/predict", PREDICT, authorized)
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"])
    expect(await readJson(refused)).toMatchObject({
      code: "rate_limited",
      detail: expect.stringMatching(/requestsPerSecond/),
    })
    expect(await predict(other.authorized)).toBe(200)
    clock.advance(0.5)
    expect([await predict(authorized), await predict(authorized)]).toEqual([200, 429])
  })

  it("costs one of its rate where a variant is forced, which asks for another permission", async () => {
    const { make, postJson } = await createKeyedGateway()
    const { authorized } = await make({ ...ADS, permissions: ["predict", "force"], requestsPerSecond: 2 })
    const force = async () => (await postJson("/predict", { ...PREDICT, variant: "champion" }, authorized)).status
    expect([await force(), await force(), await force()]).toEqual([200, 200, 429])
  })
})

it.each([
  ["nothing", {}, ["/name", "/permissions"]],
  ["a list", [], []],
  ["a name that breaks lines", { ...ADS, name: 'ads\n{"level":"info"}' }, ["/name"]],
  ["a name of 65 characters", { ...ADS, name: "a".repeat(65) }, ["/name"]],
  ["86: a formula as a name", { ...ADS, name: "=cmd()" }, ["/name"]],
  ["no permission", { ...ADS, permissions: [] }, ["/permissions"]],
  ["an unknown permission", { ...ADS, permissions: ["predict", "everything"] }, ["/permissions/1"]],
  ["a permission as text", { ...ADS, permissions: "predict" }, ["/permissions"]],
  ["six permissions", { ...ADS, permissions: Array.from({ length: 6 }, () => "view") }, ["/permissions"]],
  ["no experiment", { ...ADS, experiments: [] }, ["/experiments"]],
  ["101 experiments", { ...ADS, experiments: Array.from({ length: 101 }, (_, i) => `e${i}`) }, ["/experiments"]],
  ["an id that is none", { ...ADS, experiments: ["../x"] }, ["/experiments/0"]],
  ["admin of some experiments", { ...ADS, permissions: ["admin"], experiments: ["banner-ctr"] }, ["/experiments"]],
  ["no rate", { ...ADS, requestsPerSecond: 0 }, ["/requestsPerSecond"]],
  ["a rate as text", { ...ADS, requestsPerSecond: "10" }, ["/requestsPerSecond"]],
  ["an expiry in the past", { ...ADS, expiresAt: "2026-11-21T11:59:59Z" }, ["/expiresAt"]],
  ["an expiry now", { ...ADS, expiresAt: "2026-11-21T12:00:00Z" }, ["/expiresAt"]],
  ["an expiry that is no time", { ...ADS, expiresAt: "tomorrow" }, ["/expiresAt"]],
  ["an expiry in the year 9999", { ...ADS, expiresAt: "9999-12-31T23:59:59-12:00" }, ["/expiresAt"]],
  ["85: what only the gateway says", { ...ADS, createdBy: "root", digest: "x", id: "1" }, [""]],
  ["roles, as others call them", { name: "ads", roles: ["predict"] }, ["/permissions", "/roles"]],
])("refuses %s, and says where and why", async (_, wish, pointers) => {
  const { postJson, list } = await createKeyedGateway()
  const response = await postJson("/admin/keys", wish, FIRST)
  const { code, errors = [] } = (await readJson(response)) as {
    code: string
    errors?: { pointer: string; detail: string }[]
  }
  const expected = Array.isArray(wish) ? [400, "not_an_object"] : [422, "validation_failed"]
  expect([response.status, code]).toEqual(expected)
  expect(errors.map(({ pointer }) => pointer).toSorted()).toEqual(pointers)
  expect(JSON.stringify(errors)).not.toMatch(/level|cmd|everything|root|tomorrow|\.\.\/x/)
  expect(await list()).toMatchObject({ keys: [] })
})

it("87: takes no body beyond 16 KiB", async () => {
  const { postJson } = await createKeyedGateway()
  const response = await postJson("/admin/keys", { ...ADS, name: "x".repeat(20_000) }, FIRST)
  expect(response.status).toBe(413)
})

it("tells without keys that there is nobody to make one for", async () => {
  const { request, postJson } = await createTestGateway()
  const refused = await postJson("/admin/keys", ADS)
  expect([refused.status, await readJson(refused)]).toMatchObject([
    409,
    { code: "keys_not_managed", detail: expect.stringMatching(/API_KEYS=/) },
  ])
  expect((await request("/admin/keys/5f1d7a84b0c93e26", { method: "DELETE" })).status).toBe(409)
  expect(await readJson(await request("/admin/keys"))).toEqual({ keys: [], configured: [] })
})

describe("89: wrong keys", () => {
  it("are refused unseen after ten in a minute, the right one among them", async () => {
    const { request, clock } = await createKeyedGateway()
    const ask = async (secret: string) => {
      const response = await request("/admin/keys", { headers: { authorization: `Bearer ${secret}` } })
      return response.status
    }
    const answers: number[] = []
    for (let guess = 0; guess < 1000; guess++) answers.push(await ask(`guess-${guess}`))
    expect(answers.filter((status) => status === 401)).toHaveLength(10)
    expect(answers.filter((status) => status === 429)).toHaveLength(990)
    expect(await ask(SECRET)).toBe(429)
    clock.advance(60)
    expect(await ask(SECRET)).toBe(200)
  })

  it("shut out no key that came from the same address before, and none that was made: it can't be guessed", async () => {
    const { request, make, predict } = await createKeyedGateway()
    const ask = async (secret: string) =>
      (await request("/admin/keys", { headers: { authorization: `Bearer ${secret}` } })).status
    const { authorized } = await make(ADS)
    expect(await ask(SECRET)).toBe(200)
    for (let guess = 0; guess < 20; guess++) await ask(`guess-${guess}`)
    expect([await ask(SECRET), await predict(authorized)]).toEqual([200, 200])
  })

  it("are not what a key in the query, or none at all, is", async () => {
    const { request } = await createKeyedGateway()
    for (let guess = 0; guess < 20; guess++) {
      expect((await request(`/admin/keys?key=${SECRET}`)).status).toBe(401)
    }
  })
})
