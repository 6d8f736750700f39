import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import * as z from "zod"
import { openDatabase } from "#src/adapters/sqlite/schema.ts"
import { ASSIGNMENT_VERSION } from "#src/domain/assignment.ts"
import { tokenFrame } from "#src/domain/token.ts"
import { openApiDocument } from "#src/http/openapi.ts"
import { decisionEvent } from "#test/outcomes.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const table = readFileSync("docs/compatibility.md", "utf8")

function promised(what: string): string | undefined {
  return new RegExp(`^\\| ${what} \\| ([^|]+) \\|`, "m").exec(table)?.[1]
}

it("names the versions that the code has", () => {
  const database = openDatabase(join(temporaryFolder(), "gateway.db"), false)
  const userVersion = database.prepare("PRAGMA user_version").get()?.["user_version"]
  database.close()
  const event = decisionEvent({})
  const frame = tokenFrame("k1", { ...event, holdout: false, longestWindowSeconds: 3600 })
  const weights = readFileSync("examples/models/ctr-raw/weights.bin").readUInt32LE(4)
  const golden = z
    .object({ specVersion: z.int() })
    .parse(JSON.parse(readFileSync("test/golden/assignment.json", "utf8")))
  expect({
    token: promised("decision token"),
    log: promised("outcome log"),
    hash: promised("assignment hash"),
    database: promised("database"),
    http: promised("HTTP"),
    weights: promised("weights file"),
  }).toEqual({
    token: frame.before.split(".")[0],
    log: String(event.v),
    hash: String(ASSIGNMENT_VERSION),
    database: String(userVersion),
    http: openApiDocument().info.version,
    weights: String(weights),
  })
  expect(golden.specVersion).toBe(ASSIGNMENT_VERSION)
})

it("has the package's version in the changelog and in the contract", () => {
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync("package.json", "utf8")))
  expect(readFileSync("CHANGELOG.md", "utf8")).toMatch(
    new RegExp(`^## \\[${version.replaceAll(".", "\\.")}\\] - \\d{4}-\\d{2}-\\d{2}$`, "m"),
  )
  expect(openApiDocument().info.version).toBe(version)
})
