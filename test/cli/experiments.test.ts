import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { parse } from "yaml"
import { experiments } from "#src/cli/experiments.ts"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { capturedIo } from "./captured-io.ts"

const document = (changes: Readonly<Record<string, unknown>> = {}) =>
  JSON.stringify({
    id: "footer",
    variants: ["ctr-raw", "ctr-prefixed"].map((model) => ({ id: model, backend: { kind: "embedded", model } })),
    control: "ctr-raw",
    policy: { kind: "thompson", minPropensity: 0.05 },
    ...changes,
  })

async function given(environment: Readonly<Record<string, string>> = {}) {
  const DATA_DIR = temporaryFolder()
  const config = parseConfig({ PORT: "0", SHUTDOWN_DELAY_SECONDS: "0", LOG_LEVEL: "error", DATA_DIR, ...environment })
  const gateway = await startGateway(config)
  onTestFinished(() => gateway.stop())
  const folder = temporaryFolder()
  return {
    write: async (text: string) => {
      const file = join(folder, "footer.json")
      await writeFile(file, text)
      return file
    },
    run: async (...args: string[]) => {
      const io = { ...capturedIo(), env: { GATEWAY_ADDRESS: gateway.address, GATEWAY_KEY: environment["API_KEYS"] } }
      return { code: await experiments.run(args, io), out: io.out(), err: io.err() }
    },
  }
}

it("shows what is different, publishes it, tells the history and goes back", async () => {
  const { run, write } = await given()
  const file = await write(document())
  expect(await run("apply", file, "--dry-run")).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^footer: would change, now at revision 0\n {2}a new document/),
  })
  expect(await run("get", "footer")).toMatchObject({ code: 1, err: expect.stringContaining("Experiment not found") })
  expect(await run("apply", file, "--reason", "first")).toMatchObject({
    code: 0,
    out: expect.stringContaining("footer: published, at revision 1"),
  })
  expect(await run("apply", file)).toMatchObject({ code: 0, out: "footer: nothing would change, now at revision 1\n" })
  await write(document({ holdout: 0.1, policy: { kind: "thompson" } }))
  const { out } = await run("apply", file)
  expect(out).toContain("  ~ holdout: 0 -> 0.1\n")
  expect(out).toContain("  warning: /policy/minPropensity ")
  expect(out).toContain("footer: published, at revision 2\n")
  expect((await run("diff", "footer")).out).toBe(
    "footer: revision 1 -> 2\n  ~ policy.minPropensity: 0.05 -> 0\n  ~ holdout: 0 -> 0.1\n",
  )
  expect((await run("rollback", "footer", "--reason", "mistake")).out).toContain("footer: published, at revision 3")
  expect((await run("history", "footer")).out).toMatch(/^revision 3 {2}\S+ {2}anybody: mistake\n/)
  const read = await run("get", "footer")
  expect(read.out).toMatch(/^# revision 3\n/)
  expect(parse(read.out)).toMatchObject({ id: "footer", holdout: 0 })
  expect((await run("list")).out).toMatch(/banner-ctr {2}running {4}revision 1 {2}thompson: champion, challenger\n/)
  expect(JSON.parse((await run("pause", "footer", "--json")).out)).toMatchObject({ revision: 4 })
  expect((await run("resume", "footer")).out).toContain('  ~ status: "paused" -> "running"')
})

it("stops before what was learned would begin anew, unless it is told to go on", async () => {
  const { run, write } = await given()
  const file = await write(document())
  await run("apply", file)
  await write(document({ reward: { metric: "order" } }))
  const stopped = await run("apply", file)
  expect(stopped).toMatchObject({ code: 1, err: expect.stringContaining("--begin-anew") })
  expect(stopped.out).toContain("statistics of ctr-raw begin anew: what is learned from changed")
  expect((await run("apply", file, "--begin-anew")).out).toContain("published, at revision 2")
})

it("reads every document of a folder before it publishes one", async () => {
  const { run } = await given()
  const folder = join(temporaryFolder(), "experiments")
  await mkdir(folder)
  await writeFile(join(folder, "a.yaml"), document())
  await writeFile(join(folder, "b.yaml"), "id: other\npolcy: 1\n")
  const refused = await run("apply", folder)
  expect(refused).toMatchObject({ code: 1, out: "" })
  expect(refused.err).toContain("b.yaml:2:1: polcy unknown field")
})

it("says whose fault it is", async () => {
  const { run } = await given({ API_KEYS: "secret-of-all" })
  expect(await run("list", "--address", "http://127.0.0.1:9")).toMatchObject({
    code: 1,
    err: expect.stringContaining("can't be reached"),
  })
  expect((await run("list")).code).toBe(0)
  expect(await run("demolish", "footer")).toMatchObject({ code: 1, err: expect.stringContaining("list, get, apply") })
  expect(await run("rollback", "banner-ctr", "--to", "x")).toMatchObject({
    code: 1,
    err: expect.stringContaining("number of a revision"),
  })
  expect(await run("pause", "unknown")).toMatchObject({ code: 1 })
})
