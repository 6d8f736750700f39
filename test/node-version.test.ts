import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import * as z from "zod"

/** The one place that says it: npm scripts run on this Node. */
const { engines, devDependencies } = z
  .object({ engines: z.object({ node: z.string() }), devDependencies: z.object({ node: z.string() }) })
  .parse(JSON.parse(readFileSync("package.json", "utf8")))
const version = devDependencies.node
const [major] = version.split(".")

it("runs the tests on the version that package.json names", () => {
  expect(process.version).toBe(`v${version}`)
})

it("needs no other version than the one that is tested", () => {
  expect(engines.node).toBe(`>=${version}`)
  const lock = z
    .object({ packages: z.object({ "": z.object({ engines: z.object({ node: z.string() }) }) }) })
    .parse(JSON.parse(readFileSync("package-lock.json", "utf8")))
  expect(lock.packages[""].engines.node).toBe(engines.node)
})

it("builds the image on the same major version, whose newest release it takes", () => {
  expect(readFileSync("Dockerfile", "utf8")).toMatch(new RegExp(`^FROM node:${major}-`, "m"))
})

it("says that version in the README, and beside it only what npm needs", () => {
  const readme = readFileSync("README.md", "utf8")
  const said = [...readme.matchAll(/\b(?:Node|must be) (\d[\d.]*\d)/g)].map(([, number]) => number)
  expect(new Set(said)).toEqual(new Set(["20", version]))
})
