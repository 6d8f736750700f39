import { describe, expect, it } from "vitest"
import { createMemoryExperimentStore } from "#src/adapters/memory/experiment-store.ts"
import { createEditExperiment, type EditCommand, type EditDeps } from "#src/app/edit-experiment.ts"
import { Scheduler } from "#src/app/keep-schedules.ts"
import type { ExperimentStore } from "#src/ports/experiment-store.ts"
import { createRig } from "./rig.ts"

const document = (changes: Readonly<Record<string, unknown>> = {}) => ({
  variants: [{ id: "a", backend: { kind: "embedded", model: "a" } }],
  control: "a",
  policy: { kind: "static" },
  ...changes,
})

function command(wanted: EditCommand["wanted"], changes: Partial<EditCommand> = {}): EditCommand {
  return { experiment: "e", wanted, seen: "any", actor: "Ann", reset: [], keep: [], dryRun: false, ...changes }
}

const put = (changes: Readonly<Record<string, unknown>> = {}) =>
  ({ kind: "put", document: { json: document(changes) } }) as const

/** A gateway of its own over a store that others may share. */
function editorOver(store: ExperimentStore, deps: Partial<EditDeps> = {}) {
  const rig = createRig({ store })
  const edit = createEditExperiment({
    publisher: rig.publisher,
    store,
    counters: rig.counters,
    check: async () => undefined,
    readYaml: async () => ({ ok: false, issues: [] }),
    fileOf: () => undefined,
    clock: rig.clock,
    ...deps,
  })
  return { ...rig, edit }
}

describe("given two gateways over one store", () => {
  it("lets one of two edits of the same revision win, whichever gateway they go to", async () => {
    const store = createMemoryExperimentStore()
    const [first, second] = [editorOver(store), editorOver(store)]
    await first.edit(command(put(), { seen: "none" }))
    const both = await Promise.allSettled(
      [first, second].map(({ edit }, i) => edit(command(put({ description: `${i}` }), { seen: [1] }))),
    )
    expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"])
    const lost = both.find((one) => one.status === "rejected")
    expect(lost?.reason).toMatchObject({ code: "precondition_failed" })
    expect(
      (await store.history((await store.newest())[0]?.experiment as never)).map(({ revision }) => revision),
    ).toEqual([1, 2])
  })

  it("makes a step that says nothing of a revision on top of what the other has published", async () => {
    const store = createMemoryExperimentStore()
    const [first, second] = [editorOver(store), editorOver(store)]
    await first.edit(command(put(), { seen: "none" }))
    await second.edit(command({ kind: "patch", patch: { description: "two" } }, { seen: [1] }))
    const paused = await first.edit(command({ kind: "transition", transition: "pause" }, { seen: "unsaid" }))
    expect(paused).toMatchObject({ revision: 3, changes: [{ path: "status" }] })
    expect(first.experiments.get("e")?.snapshot.experiment).toMatchObject({ description: "two", status: "paused" })
  })
})

it("keeps no more experiments than it is told to, but takes edits of those there are", async () => {
  const { edit } = editorOver(createMemoryExperimentStore(), { mostExperiments: 1 })
  await edit(command(put(), { seen: "none" }))
  await expect(edit(command(put(), { seen: "none", experiment: "f" }))).rejects.toMatchObject({
    code: "too_many_experiments",
  })
  expect(await edit(command(put({ description: "x" })))).toMatchObject({ revision: 2 })
})

it("keeps schedules: a draft starts, what runs ends, and a pause of a folder's draft waits", async () => {
  const files = new Map<string, string>()
  const rig = editorOver(createMemoryExperimentStore(), { fileOf: (id) => files.get(id) })
  const { edit, clock, experiments, publisher, logger } = rig
  const scheduler = new Scheduler({ experiments, publisher, clock, logger })
  const at = (seconds: number) => new Date(clock.now() + seconds * 1000).toISOString()
  const status = () => experiments.get("e")?.snapshot.experiment.status
  const schedule = { startAt: at(60), endAt: at(120) }
  await edit(command(put({ status: "draft", schedule }), { seen: "none" }))
  files.set("e", "e.yaml")
  await edit(command({ kind: "transition", transition: "pause" }))
  clock.advance(60)
  await scheduler.look()
  expect(status()).toBe("paused")
  await edit(command({ kind: "transition", transition: "resume" }))
  expect(status()).toBe("running")
  clock.advance(60)
  await Promise.all([scheduler.look(), scheduler.look()])
  expect(status()).toBe("concluded")
  expect(publisher.newest("e")).toMatchObject({ revision: 4, actor: "schedule" })
})
