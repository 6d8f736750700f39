import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { promisify } from "node:util"
import { expect, it } from "vitest"

const run = promisify(execFile)

it("are rules of Prometheus", async () => {
  const { stdout } = await run("promtool", ["check", "rules", "deploy/prometheus-rules.yaml"])
  expect(stdout).toMatch(/SUCCESS: \d+ rules found/)
})

it("raise each alarm where they should, and none for a gateway in order", async () => {
  const { stdout } = await run("promtool", ["test", "rules", "deploy/prometheus-rules.test.yaml"])
  expect(stdout).toContain("SUCCESS")
})

it("have a test each", () => {
  const rules = readFileSync("deploy/prometheus-rules.yaml", "utf8").matchAll(/- alert: (\w+)/g)
  const tests = readFileSync("deploy/prometheus-rules.test.yaml", "utf8").matchAll(/- name: ([A-Z]\w+)/g)
  expect(Array.from(tests, ([, name]) => name)).toEqual(Array.from(rules, ([, name]) => name))
})
