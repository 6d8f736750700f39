import { describe, expect, it } from "vitest"
import { ConfigError, parseConfig } from "#src/config.ts"

const KEY = "A".repeat(43)

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    parseConfig(environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

it("needs no setting at all", () => {
  expect(parseConfig({})).toMatchObject({
    host: "127.0.0.1",
    port: 8080,
    dataDir: "./data",
    apiKeys: [],
    drainSeconds: 5,
  })
})

it("takes a number of threads, or auto", () => {
  expect(["1", "2", " 64 ", "auto"].map((THREADS) => parseConfig({ THREADS }).threads)).toEqual([1, 2, 64, "auto"])
  expect(parseConfig({}).threads).toBe(1)
  for (const THREADS of ["0", "65", "-1", "1.5", "two", "1e1", "all"]) {
    expect(problemsOf({ THREADS })).toEqual([
      "THREADS must be a whole number from 1 to 64, or auto for all cores but one",
    ])
  }
})

it("starts beside other programs' variables, nearly ours or not", () => {
  expect(problemsOf({ API_KEY: "x", REDIS_URI: "redis://elsewhere", PATH: "/bin", HOSTNAME: "web-1" })).toEqual([])
})

it("takes an empty setting for an unset one, as compose files and shells make them", () => {
  expect(parseConfig({ PORT: "", API_KEYS: "" })).toMatchObject({ port: 8080, apiKeys: [] })
})

it("reads keys: newest signing key first, permissions of API keys joined by +", () => {
  const config = parseConfig({
    SIGNING_KEYS: `k2:${KEY}, k1:${KEY}`,
    API_KEYS: "ads:predict+force:s3cretkey,0123456789",
  })
  expect(config.signingKeys?.map(({ id, key }) => [id, key.length])).toEqual([
    ["k2", 32],
    ["k1", 32],
  ])
  expect(config.apiKeys).toEqual([
    { name: "ads", permissions: ["predict", "force"], secret: "s3cretkey" },
    { name: "key-2", permissions: ["predict", "force", "view", "edit", "admin"], secret: "0123456789" },
  ])
})

it("reads the unit key in base64url, 16 to 64 bytes", () => {
  expect(parseConfig({ UNIT_KEY: KEY }).unitKey).toHaveLength(32)
  expect(parseConfig({}).unitKey).toBeUndefined()
  for (const text of ["A".repeat(21), "A".repeat(87), "not base64url!", `${KEY}=`]) {
    expect(problemsOf({ UNIT_KEY: text })).toEqual(["UNIT_KEY must be 16 to 64 bytes in base64url"])
  }
})

it("reads how much of the outcome log is kept: bytes with a unit, whole days", () => {
  expect(parseConfig({})).toMatchObject({ outcomesMaxBytes: undefined, outcomesMaxDays: undefined })
  expect(parseConfig({ OUTCOMES_MAX_BYTES: "20G", OUTCOMES_MAX_DAYS: "30" })).toMatchObject({
    outcomesMaxBytes: 20 * 2 ** 30,
    outcomesMaxDays: 30,
  })
  expect(parseConfig({ OUTCOMES_MAX_BYTES: "134217728" }).outcomesMaxBytes).toBe(128 << 20)
  const bytes =
    "OUTCOMES_MAX_BYTES must be a number of bytes, or of K, M, G or T (powers of 1024) such as 20G, and at least 128M: two files of the log"
  for (const text of ["20GB", "-1", "0", "1.5G", "127M", "9999999T", "lots", "0x10000000"]) {
    expect(problemsOf({ OUTCOMES_MAX_BYTES: text })).toEqual([bytes])
  }
  expect(problemsOf({ OUTCOMES_MAX_DAYS: "1" })).toEqual([
    "OUTCOMES_MAX_DAYS must be at least 2 days: rewards of the last day and one more may be repeated",
  ])
  expect(problemsOf({ OUTCOMES_MAX_DAYS: "2.5" })).toEqual(["OUTCOMES_MAX_DAYS must be a whole number of days"])
  expect(problemsOf({ OUTCOMES_MAX_DAYS: "a month" })).toEqual(["OUTCOMES_MAX_DAYS must be a number of days"])
})

it("reads hosts and origins as they are compared", () => {
  expect(
    parseConfig({ ALLOWED_HOSTS: "Gateway.Example, [2001:db8::1]:8080,", CORS_ORIGINS: "https://Shop.example:8443" }),
  ).toMatchObject({
    allowedHosts: ["gateway.example", "[2001:db8::1]:8080"],
    servesAnyHost: false,
    corsOrigins: ["https://shop.example:8443"],
  })
  expect(parseConfig({}).servesAnyHost).toBe(false)
  expect(parseConfig({ API_KEYS: "0123456789" }).servesAnyHost).toBe(true)
  expect(parseConfig({ API_KEYS: "0123456789", ALLOWED_HOSTS: "a.example" }).servesAnyHost).toBe(false)
})

it("reads an identity provider, whose roles are permissions unless it is told otherwise", () => {
  const provider = { OIDC_ISSUER: "https://login.example/realms/shop", OIDC_AUDIENCE: "bandit-gateway" }
  expect(parseConfig(provider)).toMatchObject({ needsKeys: true, servesAnyHost: true })
  expect(parseConfig(provider).oidc).toMatchObject({
    issuer: "https://login.example/realms/shop",
    audience: "bandit-gateway",
    roleClaim: "roles",
    roles: [{ role: "predict", permissions: ["predict"] }, {}, { role: "view" }, {}, { role: "admin" }],
  })
  const roles = { OIDC_ROLE_CLAIM: "groups", OIDC_ROLES: "ml-team:view+edit, urn:x:ops:admin" }
  expect(parseConfig({ ...provider, ...roles }).oidc).toMatchObject({
    roleClaim: "groups",
    roles: [
      { role: "ml-team", permissions: ["view", "edit"] },
      { role: "urn:x:ops", permissions: ["admin"] },
    ],
  })
  expect(parseConfig({}).oidc).toBeUndefined()
  expect(parseConfig({}).needsKeys).toBe(false)
  expect(parseConfig({ API_KEYS: "0123456789" }).needsKeys).toBe(true)
  expect(problemsOf({ ...provider, HOST: "0.0.0.0" })).toEqual([])
  expect(problemsOf({ OIDC_ISSUER: "http://127.0.0.1:9/", OIDC_AUDIENCE: "x" })).toEqual([])
})

describe("given mistakes", () => {
  it("reports all of them at once, each with what would be right", () => {
    expect(problemsOf({ PORT: "http", LOG_LEVEL: "loud", DEFAULT_EXPERIMENT: "A B" })).toHaveLength(3)
  })

  it.each([
    [{ PORT: "70000" }, /^PORT must be a port/],
    [{ PORT: "80.5" }, /^PORT must be a port/],
    [{ SIGNING_KEYS: `k1:${KEY},k1:${KEY}` }, /^SIGNING_KEYS must be a list of id:key/],
    [{ SIGNING_KEYS: "k1:short" }, /^SIGNING_KEYS/],
    [{ API_KEYS: "ads:everything:s3cretkey" }, /^API_KEYS must be .*predict, force, view, edit, admin/],
    [
      { API_KEYS: "ads:predict:s3cretkey,web:read:s3cretkey" },
      /^API_KEYS must have a secret of its own .*: ads and web share/,
    ],
    [{ API_KEYS: "s3cretkey,s3cretkey" }, /^API_KEYS .*: key-1 and key-2 share/],
    [{ OIDC_ISSUER: "https://login.example" }, /^OIDC_AUDIENCE must be set with OIDC_ISSUER/],
    [{ OIDC_ISSUER: "http://login.example", OIDC_AUDIENCE: "x" }, /^OIDC_ISSUER must be an address .*with TLS/],
    [{ OIDC_ISSUER: "login.example", OIDC_AUDIENCE: "x" }, /^OIDC_ISSUER/],
    [{ OIDC_ROLES: "ml-team:everything" }, /^OIDC_ROLES must be .*predict, force, view, edit, admin/],
    [{ OIDC_ROLES: "view" }, /^OIDC_ROLES/],
    [{ PUBLIC_URL: "gateway.example" }, /^PUBLIC_URL must be an address such as/],
    [{ PUBLIC_URL: "https://me@gateway.example" }, /^PUBLIC_URL/],
    [{ ALLOWED_HOSTS: "https://gateway.example" }, /^ALLOWED_HOSTS must be a list of host names/],
    [{ ALLOWED_HOSTS: "gateway.example/path" }, /^ALLOWED_HOSTS/],
    [{ ALLOWED_HOSTS: "*" }, /^ALLOWED_HOSTS/],
    [{ CORS_ORIGINS: "shop.example" }, /^CORS_ORIGINS must be a list of origins/],
    [{ CORS_ORIGINS: "https://shop.example/" }, /^CORS_ORIGINS/],
    [{ CORS_ORIGINS: "null" }, /^CORS_ORIGINS/],
    [{ API_KEYS: "short" }, /^API_KEYS .*at least 8/],
    [{ REDIS_URL: "http://localhost" }, /^REDIS_URL must be redis:\/\//],
    [{ REDIS_URL: "redis://a,b" }, /^REDIS_URL must be/],
    [{ REDIS_URL: "redis://host:99999" }, /^REDIS_URL must be/],
    [{ REDIS_URL: "redis://user:p@ss@host" }, /^REDIS_URL must be/],
    [{ REDIS_URL: "redis+sentinel://host" }, /^REDIS_URL must be/],
    [{ REDIS_URL: "redis+cluster://host/1" }, /^REDIS_URL must be/],
    [{ REWARD_DURABILITY: "memory" }, /^REWARD_DURABILITY must be log or store/],
    [{ REWARD_DURABILITY: "store" }, /^REWARD_DURABILITY store needs REDIS_URL/],
  ])("names it: %j", (environment, expected) => {
    expect(problemsOf(environment).join("\n")).toMatch(expected)
  })

  it("never repeats a secret", () => {
    expect(problemsOf({ API_KEYS: "a:read:topsecretvalue,b:read:topsecretvalue" }).join()).not.toMatch(/topsecret/)
    expect(problemsOf({ API_KEYS: "ads:x:topsecretvalue", SIGNING_KEYS: "k1:topsecretvalue!" }).join()).not.toMatch(
      /topsecret/,
    )
  })
})

it("reads which stream outcomes go to", () => {
  expect(parseConfig({})).toMatchObject({ kinesisStream: undefined, kinesisDrainSeconds: 3 })
  expect(parseConfig({ KINESIS_STREAM: "ad-outcomes", KINESIS_DRAIN_SECONDS: "20" })).toMatchObject({
    kinesisStream: "ad-outcomes",
    kinesisDrainSeconds: 20,
  })
  expect(problemsOf({ KINESIS_STREAM: "arn:aws:kinesis:eu-west-1:1:stream/x" })).toEqual([
    "KINESIS_STREAM must be a stream's name: 1 to 128 letters, digits, _, . or -",
  ])
})

describe("given an address that others can reach", () => {
  it.each(["0.0.0.0", "::", "10.0.0.1", "example.com", "127.0.0.1.example.com"])(
    "refuses %s without API_KEYS",
    (host) => {
      expect(problemsOf({ HOST: host }).join()).toMatch(/^API_KEYS must be set/)
      expect(problemsOf({ HOST: host, API_KEYS: "0123456789" })).toEqual([])
    },
  )

  it.each(["127.0.0.1", "127.1.2.3", "localhost", "::1"])("asks for none on %s", (host) => {
    expect(problemsOf({ HOST: host })).toEqual([])
  })
})

it.each([
  ["redis://localhost", { kind: "single", nodes: [{ host: "localhost", port: 6_379 }], tls: false, database: 0 }],
  [
    "rediss://gateway:a%40b%2Fc@[::1]:7000/3",
    { nodes: [{ host: "::1", port: 7_000 }], tls: true, username: "gateway", password: "a@b/c", database: 3 },
  ],
  ["redis://:secret@db", { username: undefined, password: "secret" }],
  [
    "redis+sentinel://s1,s2:26400/counters/2",
    {
      kind: "sentinel",
      nodes: [
        { host: "s1", port: 26_379 },
        { host: "s2", port: 26_400 },
      ],
      masterName: "counters",
      database: 2,
    },
  ],
  [
    "rediss+cluster://n1:7000,n2:7001",
    {
      kind: "cluster",
      tls: true,
      nodes: [
        { host: "n1", port: 7_000 },
        { host: "n2", port: 7_001 },
      ],
    },
  ],
])("reads %s", (REDIS_URL, redis) => {
  expect(parseConfig({ REDIS_URL }).redis).toMatchObject(redis)
})
