import { describe, expect, it } from "vitest"
import { dialectStatus } from "#src/http/contract/dialects/dialect.ts"
import { ANY_MEDIA_TYPE, type Operation } from "#src/http/contract/operation.ts"
import { OPERATIONS } from "#src/http/contract/operations.ts"
import { createTestGateway, readJson } from "./gateway.ts"

const SECRETS = { predict: "secret-predict", force: "secret-force", read: "secret-read" } as const
const apiKeys = Object.entries(SECRETS).map(([permission, secret]) => ({
  name: permission,
  permissions: [permission],
  secret,
}))

const operations = OPERATIONS.map((operation) => [operation.id, operation] as const)
const withPermission = operations.filter(([, { permission }]) => permission !== undefined)
const withBody = operations.filter(([, { request }]) => request !== undefined)
const particular = withBody.filter(([, operation]) => !mediaTypesOf(operation).includes(ANY_MEDIA_TYPE))

function mediaTypesOf({ request }: Operation): string[] {
  return [...new Set(request?.contents.map(({ mediaType }) => mediaType))]
}

/** The operation's path with its examples in it. */
function pathOf({ path, parameters = [] }: Operation): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name) => parameters.find((one) => one.name === name)?.example ?? name)
}

function textOf({ request }: Operation): string {
  const example = request?.contents[0]?.example
  return typeof example === "string" ? example : (JSON.stringify(example) ?? "")
}

function call(operation: Operation, headers: Readonly<Record<string, string>> = {}, body = textOf(operation)) {
  const { method, request } = operation
  const contentType = request?.contents[0]?.mediaType
  return {
    method: method.toUpperCase(),
    headers: { ...(contentType === undefined ? {} : { "content-type": contentType }), ...headers },
    ...(request === undefined ? {} : { body }),
  }
}

describe("given the table of operations", () => {
  it("mounts every operation, and nothing that is no operation", async () => {
    const { app } = await createTestGateway()
    const mounted = app.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)(?:\{\[\^\/\]\+(:\w+)\})?/g, "{$1}$2")}`)
    const documented = OPERATIONS.map(({ method, path }) => `${method.toUpperCase()} ${path}`)
    expect(mounted.toSorted()).toEqual(documented.toSorted())
    const refusing = app.routes.filter(({ method }) => method === "ALL").map(({ path }) => path)
    expect(new Set(refusing)).toEqual(new Set(app.routes.map(({ path }) => path)))
  })

  it("has each method of a path once, and each id once", () => {
    expect(new Set(OPERATIONS.map(({ method, path }) => `${method} ${path}`)).size).toBe(OPERATIONS.length)
    expect(new Set(OPERATIONS.map(({ id }) => id)).size).toBe(OPERATIONS.length)
  })

  it.each(withPermission)("lets nobody call %s without its permission", async (_, operation) => {
    const { request } = await createTestGateway({ apiKeys })
    const statusWith = async (secret: string | undefined) => {
      const headers = secret === undefined ? {} : { authorization: `Bearer ${secret}` }
      return (await request(pathOf(operation), call(operation, headers))).status
    }
    const { dialect } = operation
    expect(await statusWith(undefined)).toBe(dialect === undefined ? 401 : dialectStatus(dialect, "unauthorized", 401))
    const refused: string[] = []
    for (const [permission, secret] of Object.entries(SECRETS)) {
      if ((await statusWith(secret)) === 403) refused.push(permission)
    }
    expect(refused).toEqual(Object.keys(SECRETS).filter((permission) => permission !== operation.permission))
  })

  it("asks no key of any other operation", async () => {
    const { request } = await createTestGateway({ apiKeys })
    for (const [id, operation] of operations.filter(([, { permission }]) => permission === undefined)) {
      const { status } = await request(pathOf(operation), call(operation))
      expect([id, status === 401]).toEqual([id, false])
    }
  })

  it.each(withBody)("takes no more bytes for %s than it says", async (_, operation) => {
    const { request } = await createTestGateway()
    const { maxBytes = 0 } = operation.request ?? {}
    const largest = textOf(operation).padEnd(maxBytes, " ")
    const status = async (body: string) => (await request(pathOf(operation), call(operation, {}, body))).status
    expect(await status(largest)).not.toBe(413)
    expect(await status(`${largest} `)).toBe(413)
  })

  it.each(particular)("takes the media types of %s and no other, and says which", async (_, operation) => {
    const { request } = await createTestGateway()
    const known = mediaTypesOf(operation)
    for (const mediaType of known) {
      const { status } = await request(pathOf(operation), call(operation, { "content-type": mediaType }))
      expect([mediaType, status]).not.toEqual([mediaType, 415])
    }
    const refused = await request(pathOf(operation), call(operation, { "content-type": "text/plain" }))
    expect(refused.status).toBe(415)
    expect((await readJson(refused))["detail"]).toBe(`Send Content-Type: ${known.join(" or ")}.`)
  })

  it.each([...new Set(OPERATIONS.map(({ path }) => path))])(
    "answers other methods of %s with its own",
    async (path) => {
      const { request } = await createTestGateway()
      const here = operations.map(([, operation]) => operation).filter((operation) => operation.path === path)
      const [operation] = here
      const method = here.some((one) => one.method === "delete") ? "PROPFIND" : "DELETE"
      const response = await request(operation === undefined ? path : pathOf(operation), { method })
      expect(response.status).toBe(405)
      const allowed = here.map(({ method }) => method.toUpperCase()).filter((method) => method !== "OPTIONS")
      expect(response.headers.get("allow")).toBe(allowed.toSorted().join(", "))
    },
  )
})
