import { readdirSync, readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { GLOSSARY, glossaryAnchor } from "#src/http/pages/glossary.ts"
import { createTestGateway } from "./gateway.ts"

const page = readFileSync("docs/glossary.md", "utf8")

it("says the same in docs/glossary.md as at /docs", async () => {
  const sections = [...page.matchAll(/^## (.+)\n\n(.+)$/gm)].map(([, term, meaning]) => ({ term, meaning }))
  expect(sections).toEqual(GLOSSARY)
  const docs = await (await (await createTestGateway()).request("/docs")).text()
  for (const { term } of GLOSSARY) expect(docs).toContain(`<dt id="term-${glossaryAnchor(term)}">${term}</dt>`)
})

it("is in alphabetical order, each word once", () => {
  const terms = GLOSSARY.map(({ term }) => term.toLowerCase())
  expect(terms).toEqual([...new Set(terms)].sort())
})

it("is linked to at words that it has", () => {
  const anchors = new Set(GLOSSARY.map(({ term }) => glossaryAnchor(term)))
  const documents = [
    "README.md",
    ...readdirSync("docs")
      .filter((name) => name.endsWith(".md"))
      .map((name) => `docs/${name}`),
  ]
  const links = documents.flatMap((name) =>
    [...readFileSync(name, "utf8").matchAll(/glossary\.md#([\w-]+)/g)].map(([, anchor = ""]) => anchor),
  )
  expect(links.filter((anchor) => !anchors.has(anchor))).toEqual([])
  expect(links.length).toBeGreaterThan(8)
})
