import { cpSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { type Backend, backendSchema } from "#src/domain/backends/backend.ts"
import { Backends } from "#src/entry/backends.ts"
import { ModelFolder } from "#src/entry/model-folder.ts"
import { configuredTargets, Targets } from "#src/entry/targets.ts"
import { FakeClock } from "#test/app/rig.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const EXAMPLE = fileURLToPath(new URL("../../examples/models/ctr-raw", import.meta.url))
const MONDAY = backendSchema.parse({ kind: "embedded", model: "monday" })
const TUESDAY = backendSchema.parse({ kind: "embedded", model: "tuesday" })
const FIRST = backendSchema.parse({ kind: "http", target: "t", response: { pointer: "/first" } })
const SECOND = backendSchema.parse({ kind: "http", target: "t", response: { pointer: "/second" } })
const ALL = [MONDAY, TUESDAY, FIRST, SECOND]

async function given() {
  const [models, settings] = [temporaryFolder(), temporaryFolder()]
  for (const name of ["monday", "tuesday"]) cpSync(EXAMPLE, join(models, name), { recursive: true })
  const targetsFile = join(settings, "targets.json")
  const target = { kind: "http", protocol: "json", baseUrl: "http://127.0.0.1:9" }
  writeFileSync(targetsFile, JSON.stringify({ targets: { t: target } }))
  const clock = new FakeClock()
  const targets = await Targets.open({
    targets: await configuredTargets({ targetsFile }),
    threads: 1,
    clock,
    random: () => 0.5,
  })
  const folder = new ModelFolder(models, undefined, clock.monotonicMs)
  const backends = new Backends(folder, targets)
  const ask = async (backend: Backend) => {
    expect(await backends.check(backend)).toBeUndefined()
    return backends.endpointOf(backend)
  }
  return { models, clock, backends, ask, modelsAtTargets: () => targets.guards.map((guard) => guard.circuits().closed) }
}

it("forgets what no document names ten minutes after it was last asked for, and makes it anew where it is asked for again", async () => {
  const { clock, backends, ask, modelsAtTargets } = await given()
  const before = await Promise.all(ALL.map(ask))
  expect(modelsAtTargets()).toEqual([2])
  clock.advance(601)
  backends.forgetUnused([MONDAY, FIRST])
  expect(modelsAtTargets()).toEqual([1])
  expect(() => backends.endpointOf(TUESDAY)).toThrow("not loaded")
  const after = await Promise.all(ALL.map(ask))
  expect(after.map((endpoint, index) => endpoint === before[index])).toEqual([true, false, true, false])
  expect(modelsAtTargets()).toEqual([2])
})

it("keeps for ten minutes what is asked for and not named yet: a document that is about to be published", async () => {
  const { clock, backends, ask } = await given()
  const before = await Promise.all(ALL.map(ask))
  for (let minutes = 0; minutes < 30; minutes += 10) {
    clock.advance(600)
    backends.forgetUnused([])
    expect(ALL.map((backend) => backends.endpointOf(backend))).toEqual(before)
  }
})

it("keeps a model that is served although its folder is gone", async () => {
  const { models, clock, backends, ask } = await given()
  const served = await ask(MONDAY)
  rmSync(join(models, "monday"), { recursive: true })
  clock.advance(86_400)
  backends.forgetUnused([MONDAY])
  expect(backends.endpointOf(MONDAY)).toBe(served)
})
