import { globSync, readFileSync } from "node:fs"
import { expect, it, onTestFinished } from "vitest"
import { parse } from "yaml"
import * as z from "zod"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { temporaryFolder } from "../temporary-folder.ts"

const page = readFileSync("docs/operations.md", "utf8")
const METRIC = /`(bandit_[a-z_]+)`/g
/** Of the table alone: other words may speak of a metric too. */
const documented = new Set(
  Array.from(/## Every metric\n(.*?)\n## /s.exec(page)?.[1]?.matchAll(METRIC) ?? [], ([, name]) => name),
)

const { groups } = z
  .object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.object({
            alert: z.string(),
            expr: z.string(),
            labels: z.object({ severity: z.enum(["page", "ticket"]) }),
            annotations: z.object({ summary: z.string(), runbook: z.string() }),
          }),
        ),
      }),
    ),
  })
  .parse(parse(readFileSync("deploy/prometheus-rules.yaml", "utf8")))
const rules = groups.flatMap((group) => group.rules)

it("has every metric that a gateway shows", async () => {
  const gateway = await startGateway(
    parseConfig({ PORT: "0", SHUTDOWN_DELAY_SECONDS: "0", LOG_LEVEL: "error", DATA_DIR: temporaryFolder() }),
  )
  onTestFinished(() => gateway.stop())
  const exposition = await (await fetch(`${gateway.address}/metrics`)).text()
  const shown = Array.from(exposition.matchAll(/^# TYPE (\S+)/gm), ([, name]) => name)
  expect(shown.length).toBeGreaterThan(40)
  expect(shown.filter((name) => !documented.has(name))).toEqual([])
})

it("has every metric that the sources name, and none beside", () => {
  const sources = globSync("src/**/*.ts").map((file) => readFileSync(file, "utf8"))
  const named = new Set(sources.flatMap((text) => text.match(/\bbandit_[a-z_]+[a-z]\b/g) ?? []))
  expect([...named].filter((name) => !documented.has(name))).toEqual([])
  expect([...documented].filter((name) => !named.has(name ?? ""))).toEqual([])
})

it("has alarms on metrics that are there", () => {
  for (const { alert, expr } of rules) {
    const used = [...expr.matchAll(/\bbandit_[a-z_]+/g)].map(([name]) => name.replace(/_bucket$/, ""))
    expect([alert, used.filter((name) => !documented.has(name))]).toEqual([alert, []])
  }
})

it("says of every alarm whether it wakes somebody up, and leads to what to do", () => {
  const anchors = new Set([...page.matchAll(/^### (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading)))
  for (const { alert, labels, annotations } of rules) {
    const [path, anchor = ""] = annotations.runbook.split("#")
    expect([alert, path, anchors.has(anchor)]).toEqual([alert, "docs/operations.md", true])
    expect(page).toMatch(new RegExp(`^\\| \`${alert}\` \\| ${labels.severity} \\|.*\\(#${anchor}\\) \\|$`, "m"))
  }
  const listed = [...page.matchAll(/^\| `([A-Z]\w+)` \| (?:page|ticket) \|/gm)].map(([, name]) => name)
  expect(new Set(listed)).toEqual(new Set(rules.map(({ alert }) => alert)))
})

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-")
}
