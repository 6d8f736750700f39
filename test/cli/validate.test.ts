import { execFileSync } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { validate } from "#src/cli/validate.ts"
import type { DocumentProblem } from "#src/domain/document-issues.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { capturedIo } from "./captured-io.ts"

const EXAMPLES = fileURLToPath(new URL("../../examples", import.meta.url))

it("finds nothing wrong with the example", async () => {
  const io = capturedIo()
  const path = join(EXAMPLES, "experiments")
  expect(await validate.run([path, "--models", join(EXAMPLES, "models")], io)).toBe(0)
  expect(io.out()).toBe("1 of 1 documents valid\n")
})

it("says everything that is wrong at once: shapes, references, models, entries that are no documents", async () => {
  const folder = temporaryFolder()
  await writeFile(
    join(folder, "a.yaml"),
    `id: a
variants:
  - id: champion
    backend: { kind: embedded, model: nothing }
  - id: champion
    backend: { kind: embedded, model: ctr-raw }
control: champoin
policy: { kind: thomson, minPropensity: 0.6 }
reward: { bounds: [1, 0] }
holdot: 0.1
`,
  )
  await writeFile(join(folder, "b.yaml"), "id: a\n")
  execFileSync("mkfifo", [join(folder, "c.yaml")])
  const io = capturedIo()
  expect(await validate.run([folder, "--models", join(EXAMPLES, "models"), "--json"], io)).toBe(1)
  const { documents } = JSON.parse(io.out()) as { documents: { problems: DocumentProblem[] }[] }
  const said = documents.map(({ problems }) =>
    problems.map(({ line, column, path, message }) => `${line}:${column} ${path} ${message}`),
  )
  for (const expected of [
    /^4:32 variants\.0\.backend\.model "nothing" can't be served/,
    /^5:5 variants\.1\.id is used twice/,
    /^7:1 control must be .*; did you mean "champion"\?/,
    /^8:11 policy\.kind .*; did you mean "thompson"\?/,
    /^8:26 policy\.minPropensity times 2 enabled variants/,
    /^9:11 reward\.bounds the first bound must be below/,
    /^10:1 holdot unknown field "holdot"; did you mean "holdout"\?/,
  ]) {
    expect(said[0]).toContainEqual(expect.stringMatching(expected))
  }
  expect(said[1]).toContainEqual(expect.stringMatching(/^1:1 id is already used by .*a\.yaml/))
  expect(said[1]).toContainEqual(expect.stringMatching(/^1:1 control is required/))
  expect(said[2]).toEqual(["1:1  is not a regular file"])
})
