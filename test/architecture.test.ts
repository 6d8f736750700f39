import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { POLICY_KINDS } from "#policies/registry.ts"
import { houseViolations, testViolations } from "./architecture/violations.ts"

const ROOT = new URL("../", import.meta.url)

function sourcesUnder(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(new URL(folder, ROOT), { recursive: true, encoding: "utf8" })
  const paths = names.filter((name) => name.endsWith(".ts")).map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
  return new Map(paths.map((path) => [path, readFileSync(new URL(path, ROOT), "utf8")]))
}

/** Offences of a house of one or more made-up files. */
function offences(files: Readonly<Record<string, string>>): string[] {
  return houseViolations(new Map(Object.entries(files)))
}

describe("given this repository", () => {
  it("keeps every import, size, name and use inside the fences", () => {
    const sources = new Map([...sourcesUnder("policies"), ...sourcesUnder("src")])
    expect(sources.size).toBeGreaterThan(10)
    expect(houseViolations(sources)).toEqual([])
  })

  it("leaves the kinds of policies to their registry: no rule of the gateway names one", () => {
    const sources = [...sourcesUnder("src/domain"), ...sourcesUnder("src/app"), ...sourcesUnder("src/adapters")]
    const named = sources.flatMap(([path, source]) => {
      const code = source.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "")
      return POLICY_KINDS.filter((kind) => code.includes(`"${kind}"`)).map((kind) => `${path} ${kind}`)
    })
    // What `stats` reports whatever the policy: the posterior of a rate, or of a mean.
    const posteriors = ["thompson", "thompson-gaussian"].map((kind) => `src/app/read-experiment.ts ${kind}`)
    expect(named).toEqual(posteriors)
  })

  it("mocks, skips and singles out nothing in its tests", () => {
    expect(testViolations(sourcesUnder("test"))).toEqual([])
  })
})

describe("given a made-up house", () => {
  it.each([
    ["policies/a.ts", 'import { b } from "../src/domain/b.ts"', "policies import nothing but themselves"],
    ["policies/a.ts", 'import { readFileSync } from "node:fs"', "policies import nothing but themselves"],
    ["src/domain/a.ts", 'import type { B } from "../ports/b.ts"', "domain imports itself and policies"],
    ["src/ports/a.ts", 'import { b } from "../domain/b.ts"', "ports import types"],
    ["src/ports/a.ts", 'import { type B } from "../domain/b.ts"', "ports import types"],
    ["src/app/a.ts", 'import { b } from "../adapters/memory/b.ts"', "app imports ports, domain and policies"],
    ["src/app/a.ts", 'export { b } from "../http/b.ts"', "app imports ports, domain and policies"],
    ["src/adapters/memory/a.ts", 'import { b } from "../sqlite/b.ts"', "never another adapter"],
    ["src/adapters/memory/a.ts", 'import { open } from "node:fs/promises"', "never another adapter"],
    ["src/http/a.ts", 'import { b } from "../ports/b.ts"', "http imports app, domain, types of ports"],
    ["src/http/a.ts", 'import { parseConfig } from "../config.ts"', "only entry and cli import config.ts"],
    ["src/config.ts", 'import { b } from "./domain/b.ts"', "config.ts imports nothing"],
    ["src/entry/a.ts", 'import { b } from "../cli/b.ts"', "nobody imports cli"],
    ["src/app/a.ts", 'const b = await import("../entry/b.ts")', "only cli imports entry"],
    ["src/app/a.ts", 'export type A = import("../http/b.ts").B', "app imports ports, domain and policies"],
    ["src/dashboard/a.ts", 'import { b } from "../http/contract/b.ts"', "types from http/contract only"],
    ["src/app/a.ts", "const b = await import(name)", "literal specifiers"],
    ["src/cellar/a.ts", 'import { b } from "../domain/b.ts"', "in no room"],
  ])("names the edge and the rule when %s says %s", (path, source, sentence) => {
    const found = offences({ [path]: source })
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(path)
    expect(found[0]).toContain(sentence)
  })

  it.each([
    ["src/domain/a.ts", 'import { b } from "../../policies/b.ts"'],
    ["src/domain/a.ts", 'import { b } from "#policies/b.ts"'],
    ["src/ports/a.ts", 'import type { B } from "../domain/b.ts"'],
    ["src/adapters/sqlite/a.ts", 'import { DatabaseSync } from "node:sqlite"'],
    ["src/http/routes/a.ts", 'import { Hono } from "hono/tiny"'],
    ["src/http/a.ts", 'import type { B } from "../ports/b.ts"'],
    ["src/cli/a.ts", 'import { b } from "../entry/b.ts"'],
    ["src/dashboard/a.ts", 'import type { B } from "../http/contract/b.ts"'],
    ["src/app/a.ts", '// Math.random() and Date.now()\nexport const a = "process.env"'],
    ["src/domain/a.ts", "export const a = (at: number) => new Date(at)"],
    ["src/cli/a.ts", "export const home = process.env"],
  ])("lets %s say %s", (path, source) => {
    expect(offences({ [path]: source })).toEqual([])
  })

  it.each([
    ["policies/a.ts", "export const a = Math.random()", "Math.random"],
    ["src/domain/a.ts", "export const a = Date.now()", "Date.now"],
    ["src/app/a.ts", "export const a = new Date()", "new Date()"],
    ["src/app/a.ts", "export const a = Date['now']()", "Date.now"],
    ["src/http/a.ts", "export const a = process.env", "process.env"],
  ])("finds the ambient input when %s says %s", (path, source, use) => {
    const found = offences({ [path]: source })
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(use)
  })

  it("finds a cycle of value imports and lets one of types be", () => {
    const a = 'import { b } from "./b.ts"'
    expect(offences({ "policies/a.ts": a, "policies/b.ts": 'import { a } from "./a.ts"' })).toEqual([
      "policies/a.ts -> policies/b.ts -> policies/a.ts: no cycles of value imports",
    ])
    expect(offences({ "policies/a.ts": a, "policies/b.ts": 'import type { A } from "./a.ts"' })).toEqual([])
  })

  it("finds files that are too long or say nothing in their name", () => {
    expect(offences({ "src/app/long.ts": "\n".repeat(400) + "export {}" })[0]).toContain("has 401 lines")
    expect(offences({ "src/app/long.ts": "\n".repeat(399) + "export {}" })).toEqual([])
    for (const name of ["index", "utils", "http-helpers", "rewardManager"]) {
      expect(offences({ [`src/app/${name}.ts`]: "export {}" })).toHaveLength(1)
    }
  })

  it.each(["vi.mock('../a.ts')", "it.skip('a', () => {})", "describe.only('a', () => {})"])(
    "finds %s in a test",
    (source) => {
      expect(testViolations(new Map([["test/a.test.ts", source]]))).toHaveLength(1)
    },
  )
})
