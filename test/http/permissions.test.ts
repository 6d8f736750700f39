import { describe, expect, it } from "vitest"
import { PERMISSIONS, type Permission } from "#src/domain/permissions.ts"
import { dialectStatus } from "#src/http/contract/dialects/dialect.ts"
import type { Operation } from "#src/http/contract/operation.ts"
import { OPERATIONS } from "#src/http/contract/operations.ts"
import { PROBLEMS } from "#src/http/problem.ts"
import { createTestGateway, readJson } from "./gateway.ts"

/** What whoever reaches the gateway may have: a new operation that needs no key has to be added here on purpose. */
const OPEN = [
  "docs",
  "experimentSchema",
  "healthcheck",
  "healthz",
  "openapi",
  "problem",
  "readyz",
  "reward",
  "rewardPixel",
  "rewardPostback",
  "rewardPreflight",
  "root",
  "sampleConversion",
  "sampleConversionPut",
  "seldonFeedback",
  "seldonFeedbackFor",
  "seldonFeedbackIn",
  "serverLive",
  "serverMetadata",
  "serverReady",
]
/** Operations without an experiment in their path that the contract's example asks about banner-ctr. */
const ABOUT_THE_DEFAULT = [
  "predict",
  "seldonPredict",
  "seldonHealth",
  "seldonMetadata",
  "seldonModelMetadata",
  "sampleInvocation",
  "sampleInvocationPut",
  "sampleStats",
  "sampleStatsPut",
]
/** What another experiment is to a key that is for some: as if there were none. */
const HIDDEN = "experiment_not_found"

/** One key for each permission alone, for all experiments, for the one that is asked for, and for another. */
const SCOPES = { all: null, own: ["banner-ctr"], other: ["other"] } as const
type Scope = keyof typeof SCOPES

async function createKeyedGateway() {
  const secret = "secret-of-the-first"
  const gateway = await createTestGateway({
    apiKeys: [{ name: "first", permissions: ["admin"], secret }],
    defaultExperiment: "banner-ctr",
  })
  await gateway.publish({ id: "other" })
  const secrets = new Map<string, string>()
  for (const permission of PERMISSIONS) {
    for (const scope of Object.keys(SCOPES) as Scope[]) {
      const wish = { permissions: [permission], experiments: SCOPES[scope], requestsPerSecond: null, expiresAt: null }
      const made = await gateway.keys.make({ name: `${permission}-${scope}`, ...wish }, "first")
      secrets.set(`${permission} ${scope}`, made.secret)
    }
  }
  return { ...gateway, secretOf: (permission: Permission, scope: Scope) => secrets.get(`${permission} ${scope}`) ?? "" }
}

const gateway = await createKeyedGateway()

/** Sends what the contract shows as an example, or nothing where it shows none. */
function call({ method, path, request }: Operation, authorization?: string): Promise<Response> {
  const [content] = request?.contents ?? []
  const target = path
    .replace(/\{(experiment|name)\}/, "banner-ctr")
    .replace(/\{(version|model)\}/, "champion")
    .replaceAll(/\{\w+\}/g, "unknown")
  return gateway.request(target, {
    method: method.toUpperCase(),
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(content === undefined ? {} : { "content-type": content.mediaType }),
    },
    ...(content === undefined ? {} : { body: JSON.stringify(content.example) }),
  })
}

const CLOSED: readonly Operation[] = OPERATIONS.filter(({ id }) => !OPEN.includes(id))

describe("every operation of the contract", () => {
  it("needs a permission, or is known to need none", () => {
    const open = OPERATIONS.filter(({ permission, path }) => permission === undefined && !path.startsWith("/admin"))
    expect(open.map(({ id }) => id).toSorted()).toEqual(OPEN)
    expect(CLOSED.length).toBeGreaterThan(8)
  })

  it.each(CLOSED)("$id is nobody's without a key, or with one that is none", async (operation) => {
    for (const header of [undefined, "Bearer wrong", "Basic Zmlyc3Q6eA==", "Bearer ", "Bearer secret-of-the-firs"]) {
      // Each guess alone: ten in a minute are answered otherwise.
      gateway.clock.advance(61)
      const response = await call(operation, header)
      const { dialect } = operation
      const status = dialect === undefined ? 401 : dialectStatus(dialect, "unauthorized", 401)
      expect([header, response.status]).toEqual([header, status])
      expect(response.headers.get("www-authenticate")).toBe("Bearer")
    }
  })

  it("asks for a key where there is none", async () => {
    const { headers } = await gateway.request("/admin/keys")
    expect(headers.get("www-authenticate")).toBe("Bearer")
  })

  const crossed = CLOSED.flatMap((operation) =>
    PERMISSIONS.flatMap((permission) =>
      (Object.keys(SCOPES) as Scope[]).map((scope) => ({ id: operation.id, permission, scope, operation })),
    ),
  )

  it.each(crossed)("$id, by a key that may $permission, for experiments: $scope", async (cell) => {
    const { operation, permission, scope } = cell
    const response = await call(operation, `Bearer ${gateway.secretOf(permission, scope)}`)
    expect(await verdictOf(response)).toBe(verdictFor(operation, permission, scope))
  })
})

/** What a key must be answered by the contract, and by nothing else. */
function verdictFor(operation: Operation, permission: Permission, scope: Scope): string {
  const { permission: needed = "admin", path, id } = operation
  if (permission !== needed) return "forbidden"
  if (scope === "all") return "let in"
  if (operation.scope !== "handler" && !path.includes("{experiment}")) return "forbidden"
  if (/\{(experiment|name)\}/.test(path) || ABOUT_THE_DEFAULT.includes(id)) return scope === "own" ? "let in" : HIDDEN
  return "let in"
}

async function verdictOf(response: Response): Promise<unknown> {
  if (response.ok) return "let in"
  // A dialect's own form has the problem's title too.
  const told = await response.text()
  return (
    (["forbidden", "unauthorized", HIDDEN] as const).find((code) => told.includes(PROBLEMS[code].title)) ?? "let in"
  )
}

describe("a key for some experiments", () => {
  const authorization = { authorization: `Bearer ${gateway.secretOf("view", "own")}` }

  it("sees those alone in the list", async () => {
    const { experiments } = await readJson(await gateway.request("/admin/experiments", { headers: authorization }))
    expect(experiments).toMatchObject([{ id: "banner-ctr" }])
  })

  it("can't tell another experiment from one that there isn't", async () => {
    const ask = async (id: string) => {
      const response = await gateway.request(`/admin/experiments/${id}`, { headers: authorization })
      return [response.status, await response.text()]
    }
    expect(await ask("other")).toEqual(await ask("nothing"))
    const predicting = { authorization: `Bearer ${gateway.secretOf("predict", "own")}` }
    const predict = async (experiment: string) => {
      const response = await gateway.postJson("/predict", { experiment, features: {} }, predicting)
      return [response.status, await response.text()]
    }
    expect(await predict("other")).toEqual(await predict("nothing"))
  })

  it("reads no other by force either", async () => {
    const made = await gateway.keys.make(
      {
        name: "f",
        permissions: ["predict", "force"],
        experiments: ["other"],
        requestsPerSecond: null,
        expiresAt: null,
      },
      "first",
    )
    const body = { experiment: "banner-ctr", features: {}, variant: "champion" }
    const response = await gateway.postJson("/predict", body, { authorization: `Bearer ${made.secret}` })
    expect(await verdictOf(response)).toBe(HIDDEN)
  })
})

it("88: other spellings of a path under /admin are no way in", async () => {
  for (const path of [
    "/predict/../admin/experiments",
    "/%61dmin/experiments",
    "/admin/experiments/",
    "/ADMIN/experiments",
    "//admin/keys",
    "/admin",
  ]) {
    const response = await gateway.request(path)
    expect([path, [401, 404].includes(response.status)]).toEqual([path, true])
    expect(await response.text()).not.toMatch(/banner|first/)
  }
})
