import { expect, it } from "vitest"
import { createBundledGateway } from "#src/entry/bundled-gateway.ts"

const BUNDLE = { documents: [], artifacts: [], insecureLocal: false }
const KEYS = { API_KEYS: "ads:predict:s3cretkey" }

it("needs keys that all isolates share wherever others can reach it, and names every one that is missing", async () => {
  await expect(createBundledGateway({ ...BUNDLE, settings: KEYS })).rejects.toMatchObject({
    problems: [expect.stringMatching(/^SIGNING_KEYS must be set/), expect.stringMatching(/^UNIT_KEY must be set/)],
  })
  const settings = { ...KEYS, SIGNING_KEYS: `k1:${"A".repeat(43)}`, UNIT_KEY: "B".repeat(43) }
  const { app } = await createBundledGateway({ ...BUNDLE, settings })
  expect((await app.request("/healthz")).status).toBe(200)
})
