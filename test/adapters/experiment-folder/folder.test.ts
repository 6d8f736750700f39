import { execFileSync } from "node:child_process"
import { mkdir, rename, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { ExperimentFolder } from "#src/adapters/experiment-folder/folder.ts"
import type { BackendCheck, SourceDocument } from "#src/ports/document-source.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const document = (id: string) => `id: ${id}
variants:
  - id: champion
    backend: { kind: embedded, model: ctr-raw }
control: champion
policy: { kind: static }
`

const noCheck: BackendCheck = async () => undefined

const describeAll = (documents: readonly SourceDocument[]) =>
  documents.map((one) => [one.file.replace(/.*\//, ""), one.ok ? "ok" : one.problems.map(({ message }) => message)])

it("reads a folder by name, leaves other files alone and refuses an id that is used twice", async () => {
  const folder = temporaryFolder()
  await writeFile(join(folder, "a.yaml"), document("a"))
  await writeFile(join(folder, "b.json"), JSON.stringify({ id: "B" }))
  await writeFile(join(folder, "c.yml"), `# the same again\n${document("a")}`)
  await writeFile(join(folder, "e.yml"), `${document("a")}contrl: x\n`)
  await writeFile(join(folder, "notes.md"), "not a document")
  const documents = await new ExperimentFolder(folder, noCheck).look()
  expect(documents.map(({ ok, file }) => [ok, file.slice(folder.length + 1)])).toEqual([
    [true, "a.yaml"],
    [false, "b.json"],
    [false, "c.yml"],
    [false, "e.yml"],
  ])
  expect(documents[2]).toMatchObject({
    problems: [{ line: 2, column: 1, path: "id", message: expect.stringMatching(/already used by .*a\.yaml/) }],
  })
  expect(documents[3]).toMatchObject({ problems: [{ path: "id" }, { path: "contrl" }] })
})

it("refuses a name that an earlier document has, or another one's id", async () => {
  const folder = temporaryFolder()
  await writeFile(join(folder, "a.yaml"), `${document("a")}names: [A, shared]\n`)
  await writeFile(join(folder, "b.yaml"), `${document("b")}names: [B, shared]\n`)
  await writeFile(join(folder, "c.yaml"), `${document("c")}names: [C, d]\n`)
  await writeFile(join(folder, "d.yaml"), `${document("d")}names: [D, D]\n`)
  await writeFile(join(folder, "e.yaml"), document("e"))
  const documents = await new ExperimentFolder(folder, noCheck).look()
  expect(describeAll(documents)).toEqual([
    ["a.yaml", "ok"],
    ["b.yaml", [expect.stringMatching(/already a name in .*a\.yaml/)]],
    ["c.yaml", "ok"],
    ["d.yaml", ["is written twice"]],
    ["e.yaml", "ok"],
  ])
  await writeFile(join(folder, "d.yaml"), document("d"))
  expect(describeAll(await new ExperimentFolder(folder, noCheck).look())[2]).toEqual([
    "c.yaml",
    [expect.stringMatching(/already a name in .*d\.yaml/)],
  ])
})

describe("given entries that are no documents", () => {
  it("reports each as a problem of its own and reads the others", async () => {
    const folder = temporaryFolder()
    await writeFile(join(folder, "a.yaml"), document("a"))
    await mkdir(join(folder, "b.yaml"))
    await symlink("c.yaml", join(folder, "c.yaml"))
    execFileSync("mkfifo", [join(folder, "d.yaml")])
    await symlink("/dev/zero", join(folder, "e.yaml"))
    await symlink("nowhere", join(folder, "f.yaml"))
    await writeFile(join(folder, "g.yaml"), Buffer.from([0xff, 0xfe, 0x00]))
    await writeFile(join(folder, "h.yaml"), `${document("h")}${"# x\n".repeat(16_384)}`)
    await writeFile(join(folder, "real"), document("i"))
    await symlink("real", join(folder, "i.yaml"))
    expect(describeAll(await new ExperimentFolder(folder, noCheck).look())).toEqual([
      ["a.yaml", "ok"],
      ["b.yaml", ["is not a regular file"]],
      ["c.yaml", ["can't be read (ELOOP)"]],
      ["d.yaml", ["is not a regular file"]],
      ["e.yaml", ["is not a regular file"]],
      ["f.yaml", ["can't be read (ENOENT)"]],
      ["g.yaml", ["is not text in UTF-8"]],
      ["h.yaml", ["is larger than 64 KiB"]],
      ["i.yaml", "ok"],
    ])
  })

  it("reads one as soon as it has become a document", async () => {
    const folder = temporaryFolder()
    const source = new ExperimentFolder(folder, noCheck)
    execFileSync("mkfifo", [join(folder, "a.yaml")])
    const [pipe] = await source.look()
    await writeFile(join(folder, "new"), document("a"))
    await rename(join(folder, "new"), join(folder, "a.yaml"))
    const [file] = await source.look()
    expect([pipe?.ok, file?.ok]).toEqual([false, true])
    expect(file?.version).not.toBe(pipe?.version)
  })
})

it("tells by a document's version that its file was replaced by one of the same size, and by nothing else", async () => {
  const folder = temporaryFolder()
  const source = new ExperimentFolder(folder, noCheck)
  await writeFile(join(folder, "a.yaml"), document("a"))
  const [first] = await source.look()
  const [again] = await source.look()
  expect(again).toBe(first)
  await writeFile(join(folder, "new"), document("b"))
  await rename(join(folder, "new"), join(folder, "a.yaml"))
  const [replaced] = await source.look()
  expect(replaced?.version).not.toBe(first?.version)
})

it("looks again at a document whose backend could not be served", async () => {
  const folder = temporaryFolder()
  await writeFile(join(folder, "a.yaml"), document("a"))
  let message: string | undefined = "is missing"
  const source = new ExperimentFolder(folder, async () => message)
  const [missing] = await source.look()
  expect(missing).toMatchObject({ ok: false, id: "a", problems: [{ line: 4, column: 32, message: "is missing" }] })
  expect((await source.look())[0]?.version).toBe(missing?.version)
  message = undefined
  const [served] = await source.look()
  expect(served?.ok).toBe(true)
  expect(served?.version).not.toBe(missing?.version)
})

it("reads five hundred documents, ten of them as long to parse as can be, without doing the work on the serving thread", async () => {
  const folder = temporaryFolder()
  for (let i = 0; i < 500; i++) {
    await writeFile(join(folder, `${i}.yaml`), i % 50 === 0 ? "%a\n".repeat(8_000) : document(`e${i}`))
  }
  // Processor time, not time by the clock: another process can't take it.
  const [wholeBefore, mineBefore] = [process.cpuUsage(), process.threadCpuUsage()]
  const documents = await new ExperimentFolder(folder, noCheck).look()
  const [whole, mine] = [process.cpuUsage(wholeBefore), process.threadCpuUsage(mineBefore)]
  expect(documents.filter(({ ok }) => ok)).toHaveLength(490)
  expect(mine.user).toBeLessThan(0.5 * whole.user)
})
