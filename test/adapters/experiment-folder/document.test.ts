import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { describeProblem, readDocument } from "#src/adapters/experiment-folder/document.ts"
import { fingerprint, readDocuments } from "#src/adapters/experiment-folder/folder.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const VALID = `id: banner-ctr
variants:
  - id: champion
    backend: { kind: embedded, model: ctr-raw }
  - id: challenger
    backend: { kind: embedded, model: ctr-prefixed }
control: champion
policy: { kind: thompson, minPropensity: 0.02 }
`

const noCheck = async () => []

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
  const document = await readDocument("e.yaml", VALID, async () => [
    { path: ["variants", 1, "backend", "model"], message: "is not loaded" },
  ])
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

it("never throws, whatever the text", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme" }), fc.nat({ max: VALID.length }), async (noise, at) => {
      await problemsOf(noise)
      await problemsOf(VALID.slice(0, at) + noise + VALID.slice(at))
    }),
    { numRuns: 300 },
  )
})

it("reads a folder by name, leaves other files alone and refuses an id that is used twice", async () => {
  const folder = temporaryFolder()
  await writeFile(join(folder, "a.yaml"), VALID)
  await writeFile(join(folder, "b.json"), JSON.stringify({ id: "B" }))
  await writeFile(join(folder, "c.yml"), VALID)
  await writeFile(join(folder, "notes.md"), "not a document")
  await mkdir(join(folder, "d.yaml"))
  const documents = await readDocuments(folder, noCheck)
  expect(documents.map(({ ok, file }) => [ok, file.slice(folder.length + 1)])).toEqual([
    [true, "a.yaml"],
    [false, "b.json"],
    [false, "c.yml"],
    [false, "d.yaml"],
  ])
  expect(documents[2]).toMatchObject({
    problems: [{ path: "id", message: expect.stringMatching(/already used by .*a\.yaml/) }],
  })
})

it("tells by its fingerprint that a file of the same size was replaced", async () => {
  const folder = temporaryFolder()
  await writeFile(join(folder, "a.yaml"), VALID)
  const before = await fingerprint(folder)
  expect(await fingerprint(folder)).toBe(before)
  await new Promise((settle) => setTimeout(settle, 20))
  await writeFile(join(folder, "a.yaml"), VALID.replace("0.02", "0.03"))
  expect(await fingerprint(folder)).not.toBe(before)
})
