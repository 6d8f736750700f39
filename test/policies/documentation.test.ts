import { globSync, readFileSync } from "node:fs"
import { basename } from "node:path"
import { describe, expect, it } from "vitest"
import * as z from "zod"
import { findPolicy, POLICY_KINDS, type PolicyKind } from "#policies/registry.ts"
import { allocate } from "#src/cli/allocate.ts"
import { capturedIo } from "#test/cli/captured-io.ts"

const FOLDER = "docs/policies"

const HEADINGS = ["When to use it", "What it costs", "What it assumes", "Parameters", "Try it"]

const read = (page: string) => readFileSync(`${FOLDER}/${page}`, "utf8")

interface Parameter {
  readonly name: string
  /** As JSON; undefined where the schema has none. */
  readonly fallback: string | undefined
}

/** The parameters of a kind, those of an object by their path: `prior.alpha`. */
function parametersOf(kind: PolicyKind): Parameter[] {
  return leaves(z.toJSONSchema(findPolicy(kind).params, { io: "input" }), "")
}

function leaves({ properties = {} }: z.core.JSONSchema.BaseSchema, prefix: string): Parameter[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    if (typeof schema === "boolean") return []
    if (schema.properties !== undefined) return leaves(schema, `${prefix}${name}.`)
    return [{ name: `${prefix}${name}`, fallback: JSON.stringify(schema.default) }]
  })
}

/** Second column of the row about a parameter; undefined where there is no such row. */
function statedDefault(page: string, parameter: string): string | undefined {
  const row = page.split("\n").find((line) => line.startsWith(`| \`${parameter}\` |`))
  return row?.split("|")[2]?.trim()
}

describe("given the pages about policies", () => {
  it("has one for every kind, and none for a kind that doesn't exist", () => {
    const pages = globSync(`${FOLDER}/*.md`).map((page) => basename(page, ".md"))
    expect(new Set(pages)).toEqual(new Set(["README", ...POLICY_KINDS]))
  })

  it("has one row for every kind in the table to choose by, with a link to its page", () => {
    const linked = [...read("README.md").matchAll(/^\| \[`([^`]+)`\]\(([^)]+)\.md\) \| [^|]*\w/gm)]
    expect(linked).toHaveLength(POLICY_KINDS.length)
    expect(new Map(linked.map(([, kind, page]) => [kind, page]))).toEqual(
      new Map(POLICY_KINDS.map((kind) => [kind, kind])),
    )
  })
})

describe.each(POLICY_KINDS)("given the page about %s", (kind) => {
  const file = `${kind}.md`

  it("begins with what it is, and has the headings of all", () => {
    const page = read(file)
    const [title, , definition] = page.split("\n")
    expect(title).toMatch(new RegExp(`^# .+: \`${kind}\`$`))
    expect(definition).toMatch(/\w/)
    expect([...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual(HEADINGS)
  })

  it("has a row for every parameter, and the defaults of the schema", () => {
    const page = read(file)
    const parameters = parametersOf(kind)
    const stated = parameters.map(({ name }) => statedDefault(page, name))
    expect(parameters.filter((_, i) => !stated[i]).map(({ name }) => name)).toEqual([])
    // Where the data or another parameter say what holds, the page has words instead of a number.
    const numbers = parameters.filter((_, i) => /^-?\d/.test(stated[i] ?? ""))
    expect(numbers.map(({ name }) => [name, statedDefault(page, name)])).toEqual(
      numbers.map(({ name, fallback }) => [name, fallback]),
    )
  })

  it("names no parameter that it doesn't have", () => {
    const [, table = ""] = read(file).split("\n## Parameters\n")
    const named = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name)
    expect(new Set(named)).toEqual(new Set(parametersOf(kind).map(({ name }) => name)))
  })

  it("shows an allocation of its own kind", () => {
    const [, example = ""] = read(file).split("\n## Try it\n")
    expect(example).toContain(`\nnpm run cli -- allocate --policy ${kind} `)
  })
})

const EXAMPLES = globSync(`${FOLDER}/*.md`).flatMap((file) =>
  [...read(basename(file)).matchAll(/^```\nnpm run cli -- allocate ([^]*?)\n\n([^]*?)```$/gm)].map(
    ([, command = "", output = ""]) => ({ page: basename(file), command, output }),
  ),
)

it("finds an allocation that is shown for every kind", () => {
  expect(EXAMPLES.length).toBeGreaterThanOrEqual(POLICY_KINDS.length)
})

it.each(EXAMPLES)("shows in $page what allocate $command says", async ({ command, output }) => {
  const io = capturedIo()
  const stdout = { ...io.stdout, columns: 80 }
  expect(await allocate.run(words(command), { ...io, stdout })).toBe(0)
  expect(io.out()).toBe(output)
})

/** The words of a command as a shell takes them apart: quoted ones whole, lines that go on joined. */
function words(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|[^\s\\]+/g)].map(([word, quoted]) => quoted ?? word)
}
