import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import * as z from "zod"
import { experimentSchema } from "#src/domain/experiment.ts"
import { schemaRows } from "#src/http/pages/schema-rows.ts"
import { experimentTable, pageWithTable } from "../../scripts/experiment-table.ts"

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

const EXAMPLE: unknown = parse(read("examples/experiments/banner-ctr.yaml"))

/** What the example chooses; all else that it writes is what would hold if it were left out. */
const CHOSEN = [
  "description",
  "variants.0.weight",
  "variants.1.weight",
  "policy.minPropensity",
  "policy.burnInDecisions",
  "reward.metric",
]

describe("given the documentation of experiment documents", () => {
  it("shows in the README the example that is served", () => {
    const block = /```yaml\n(id: banner-ctr\n[^]*?)```/.exec(read("README.md"))?.[1] ?? ""
    expect(parse(block)).toEqual(EXAMPLE)
  })

  it("writes the defaults where the example chooses nothing else", () => {
    const { id, variants, control, policy } = z
      .object({
        id: z.string(),
        variants: z.array(z.looseObject({ id: z.string() })),
        control: z.string(),
        policy: z.looseObject({ kind: z.string() }),
      })
      .parse(EXAMPLE)
    const least = experimentSchema.parse({
      id,
      variants: variants.map(({ id: variant, backend }) => ({ id: variant, backend })),
      control,
      policy: { kind: policy.kind },
    })
    const whole = leaves(experimentSchema.parse(EXAMPLE))
    const defaults = leaves(least)
    expect([...whole].filter(([path, value]) => defaults.get(path) !== value).map(([path]) => path)).toEqual(CHOSEN)
  })

  it("names every field of the top level in the example, but the salt that only several holdouts share, the answer when nobody can, and a schedule", () => {
    const { properties } = z.toJSONSchema(experimentSchema, { io: "input" })
    expect([...Object.keys(EXAMPLE as object), "holdoutSalt", "schedule", "staticAnswer"].sort()).toEqual(
      Object.keys(properties ?? {}).sort(),
    )
  })

  it("has the schema's own table: run node scripts/experiment-table.ts", () => {
    const page = read("docs/experiment.md")
    expect(pageWithTable(page)).toBe(page)
  })

  it("says what every field means", () => {
    const rows = schemaRows(z.toJSONSchema(experimentSchema, { io: "input" }))
    expect(rows.length).toBeGreaterThan(40)
    expect(experimentTable()).not.toMatch(/\| {2}(\([^|]*\) )?\|\n/)
  })

  it("shows a smallest document that is valid", () => {
    const [, block = ""] = /```yaml\n([^]*?)```/.exec(read("docs/experiment.md")) ?? []
    expect(experimentSchema.safeParse(parse(block)).success).toBe(true)
  })
})

function leaves(value: unknown, path = ""): Map<string, unknown> {
  if (typeof value !== "object" || value === null) return new Map([[path, value]])
  const children = Object.entries(value).flatMap(([key, child]) => [
    ...leaves(child, path === "" ? key : `${path}.${key}`),
  ])
  return new Map(children)
}
