import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { expect, it } from "vitest"

const PAGES = globSync(["*.md", "{docs,examples,loadtest,test}/**/*.md"]).sort()

/** Anchors as GitHub makes them of headings. */
function anchorsOf(file: string): Set<string> {
  const headings = [...readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading)
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  )
}

it.each(PAGES)("%s links to nothing that isn't there", (page) => {
  const links = [...readFileSync(page, "utf8").matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link)
  const local = links.filter((link) => !/^[a-z]+:/.test(link))
  const dead = local.filter((link) => {
    const [path = "", anchor] = link.split("#")
    const file = path === "" ? page : join(dirname(page), path)
    return !existsSync(file) || (anchor !== undefined && !anchorsOf(file).has(anchor))
  })
  expect(dead).toEqual([])
})

it("has the pages that a newcomer looks for", () => {
  const looked = [
    "README.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "docs/glossary.md",
    "examples/README.md",
  ]
  expect(looked.filter((page) => !PAGES.includes(page))).toEqual([])
})
