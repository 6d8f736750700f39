import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { clientText } from "../../scripts/write-client.ts"

it("examples/client.ts is what the OpenAPI document says: run node scripts/write-client.ts", () => {
  expect(readFileSync("examples/client.ts", "utf8")).toBe(clientText())
})
