import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createTestHarness } from "wrangler"
import { describeGateway } from "./smoke.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const keys = { SIGNING_KEYS: `k1:${"A".repeat(43)}`, UNIT_KEY: "B".repeat(43) }

describe("given the gateway on workerd", () => {
  const harness = createTestHarness({
    root,
    workers: [{ configPath: "./wrangler.toml", vars: { ...keys, INSECURE_LOCAL: "true" } }],
  })
  let url: URL

  beforeAll(async () => {
    url = (await harness.listen()).url
  })
  afterAll(() => harness.close())

  describeGateway((path, init) => fetch(new URL(path, url), init))
})

describe("given a Worker without keys that anyone could reach", () => {
  const harness = createTestHarness({
    root,
    workers: [{ configPath: "./wrangler.toml", vars: { ...keys, INSECURE_LOCAL: "false" } }],
  })
  let url: URL

  beforeAll(async () => {
    url = (await harness.listen()).url
  })
  afterAll(() => harness.close())

  it("answers nothing", async () => {
    const response = await fetch(new URL("/predict", url), { method: "POST", body: "{}" })
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ code: "not_configured" })
  })
})
