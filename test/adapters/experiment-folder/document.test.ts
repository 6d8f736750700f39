import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { checkDocument, parseText } from "#src/adapters/experiment-folder/document.ts"
import { describeProblem } from "#src/domain/document-issues.ts"
import type { BackendCheck } from "#src/ports/document-source.ts"

const VALID = `id: banner-ctr
variants:
  - id: champion
    backend: { kind: embedded, model: ctr-raw }
  - id: challenger
    backend: { kind: embedded, model: ctr-prefixed }
control: champion
policy: { kind: thompson, minPropensity: 0.02 }
`

const noCheck: BackendCheck = async () => undefined

const readDocument = (file: string, text: string, check: BackendCheck) => checkDocument(file, parseText(text), check)

async function problemsOf(text: string): Promise<string[]> {
  const document = await readDocument("e.yaml", text, noCheck)
  return document.ok ? [] : document.problems.map(describeProblem)
}

it("reads YAML, and JSON as its subset", async () => {
  const yaml = await readDocument("e.yaml", VALID, noCheck)
  if (!yaml.ok) throw new Error(JSON.stringify(yaml.problems))
  const json = await readDocument("e.json", JSON.stringify(yaml.experiment), noCheck)
  expect(json).toEqual({ ...yaml, file: "e.json" })
})

it.each([
  ["a wrong value", VALID.replace("0.02", "2"), "e.yaml:8:27: policy.minPropensity"],
  ["an unknown key", VALID.replace("control:", "contrl: x\ncontrol:"), "e.yaml:7:1: contrl unknown field"],
  [
    "a key deep inside a list",
    VALID.replace("model: ctr-prefixed", "modl: x"),
    "e.yaml:6:32: variants.1.backend.modl unknown field",
  ],
  ["a missing key at its parent", VALID.replace("control: champion\n", ""), "e.yaml:1:1: control"],
  ["a duplicate key", `${VALID}control: champion\n`, "e.yaml:9:1: "],
  ["a syntax error", VALID.replace("{ kind: thompson", "{ kind: [thompson"), "e.yaml:"],
  ["an empty document", "", "e.yaml:1:1: "],
])("points at %s", async (_, text, expected) => {
  expect((await problemsOf(text)).some((problem) => problem.startsWith(expected))).toBe(true)
})

it("points at what a check of the surroundings finds", async () => {
  const document = await readDocument("e.yaml", VALID, async ({ model }) =>
    model === "ctr-prefixed" ? "is not loaded" : undefined,
  )
  expect(document).toMatchObject({ ok: false, id: "banner-ctr", problems: [{ line: 6, column: 32 }] })
})

it("refuses aliases that unfold to many times the document", async () => {
  const bomb = [
    "a: &a [x,x,x,x,x,x,x,x,x]",
    ...["b", "c", "d", "e", "f", "g"].map((name, i) => {
      const before = String.fromCharCode(97 + i)
      return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(",")}]`
    }),
  ].join("\n")
  expect(await problemsOf(bomb)).toEqual([expect.stringMatching(/aliases/)])
})

describe("given a text made to take long", () => {
  const lines = (count: number, line: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => line(i)).join("\n")
  it.each([
    ["20,000 keys", lines(20_000, (i) => `k${i}: 1`), /is larger than 64 KiB/],
    ["as many keys as 64 KiB hold", lines(11_000, (i) => `${i.toString(36)}:`), /more than 16384 words and marks/],
    ["a list in a list in a list", "[".repeat(30_000), /nested more than 64 deep/],
    ["the same in one line of dashes", "- ".repeat(8_000), /nested more than 64 deep/],
    ["the same by question marks", "? ".repeat(8_000), /nested more than 64 deep/],
    ["maps as deep as indentation goes", lines(350, (i) => `${" ".repeat(i)}a:`), /is required|nested/],
    ["thousands of directives", "%a\n".repeat(8_000), /directives-end/],
    ["thousands of one key", "a: 1\n".repeat(2_000), /"a" is written twice/],
    ["thousands of unknown keys", lines(2_000, (i) => `contro${i.toString(36)}: 1`), /unknown field|is required/],
  ])("refuses %s at once", (_, text, expected) => {
    const startedMs = performance.now()
    const { issues } = parseText(text)
    expect(issues[0]?.message).toMatch(expected)
    expect(issues.length).toBeLessThanOrEqual(50)
    // 20,000 keys took 16 s; the slowest of these takes a tenth of a second on a quiet machine.
    expect(performance.now() - startedMs).toBeLessThan(2_000)
  })

  it("says how many mistakes it left out", () => {
    const { issues } = parseText(VALID + lines(1_000, (i) => `x${i}: 1`))
    expect(issues).toHaveLength(50)
    expect(issues.at(-1)?.message).toMatch(/\(and 950 more problems\)/)
  })
})

it("never throws, whatever the text", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme" }), fc.nat({ max: VALID.length }), async (noise, at) => {
      await problemsOf(noise)
      await problemsOf(VALID.slice(0, at) + noise + VALID.slice(at))
    }),
    { numRuns: 300 },
  )
})
