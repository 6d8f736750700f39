import { expect, it } from "vitest"
import { createMemoryExperimentStore } from "#src/adapters/memory/experiment-store.ts"
import { readStatistics } from "#src/app/read-experiment.ts"
import { statisticsQuery } from "#src/app/reallocate.ts"
import type { ExperimentId } from "#src/domain/ids.ts"
import { allocationFor } from "#src/domain/snapshot.ts"
import { createRig } from "./rig.ts"

it("gives a changed document the next revision and an unchanged one none", async () => {
  const rig = createRig()
  await rig.publish()
  await rig.publish()
  await rig.publish({ holdout: 0.1 })
  const events = (await rig.events()).flatMap((event) => (event.type === "experiment" ? [event] : []))
  expect(events.map(({ revision, actor, diff }) => ({ revision, actor, diff }))).toEqual([
    { revision: 1, actor: "test", diff: ["document: added"] },
    { revision: 2, actor: "test", diff: ["holdout: 0 -> 0.1"] },
  ])
  expect(rig.experiments.get("e")?.snapshot.revision).toBe(2)
  expect((await rig.store.latest())[0]).toMatchObject({ revision: 2 })
})

it("serves an edit that is stored though the log refuses it, and logs it later under the same event id", async () => {
  const rig = createRig()
  await rig.publish()
  rig.refuseLog(true)
  await rig.publish({ holdout: 0.1 })
  expect(rig.experiments.get("e")?.snapshot).toMatchObject({ revision: 2, experiment: { holdout: 0.1 } })
  await rig.publisher.logServed()
  expect((await rig.events()).map(({ eventId }) => eventId)).toEqual(["e-e-1"])
  rig.refuseLog(false)
  await rig.publisher.logServed()
  await rig.publisher.logServed()
  const [, late] = await rig.events()
  expect(late).toMatchObject({ eventId: "e-e-2", revision: 2, diff: ["holdout: 0 -> 0.1"], document: { holdout: 0.1 } })
  expect(late?.at).toBe(new Date((await rig.store.latest())[0]?.at ?? 0).toISOString())
})

it("doesn't serve again what another gateway removes while it waits for the log", async () => {
  const store = createMemoryExperimentStore()
  const [rig, other] = [createRig({ store }), createRig({ store })]
  await other.publish()
  await rig.publisher.load()
  const { experiment } = other.experiments.get("e")?.snapshot ?? {}
  if (experiment === undefined) throw new Error("not published")
  const release = rig.holdLog()
  const serving = rig.publisher.serve(experiment)
  await other.publisher.remove(experiment.id, { actor: "Ann", source: "api" })
  await rig.publisher.catchUp()
  release()
  await serving
  expect(rig.experiments.get("e")).toBeUndefined()
  expect(rig.experiments.wasRemoved("e")).toBe(true)
})

it("compares the first edit after a start with what is stored, whoever forgot to load it", async () => {
  const store = createMemoryExperimentStore()
  await createRig({ store }).publish()
  const started = createRig({ store })
  await started.publish({ holdout: 0.1 })
  expect((await store.latest())[0]).toMatchObject({ revision: 2, diff: ["holdout: 0 -> 0.1"] })
})

it("refuses an edit of a revision that another gateway has replaced, and changes nothing", async () => {
  const store = createMemoryExperimentStore()
  const [rig, other] = [createRig({ store }), createRig({ store })]
  await rig.publish()
  await other.publisher.load()
  await other.publish({ holdout: 0.2 })
  await expect(rig.publish({ holdout: 0.1 })).rejects.toMatchObject({ code: "revision_conflict" })
  expect(rig.experiments.get("e")?.snapshot).toMatchObject({ revision: 1, experiment: { holdout: 0 } })
  await rig.publisher.catchUp()
  expect(rig.publisher.unserved()).toEqual(["e"])
  await rig.publish({ holdout: 0.1 })
  expect(
    (await store.history(rig.experiments.get("e")?.snapshot.experiment.id as ExperimentId)).map((one) => one.diff),
  ).toEqual([["document: added"], ["holdout: 0 -> 0.2"], ["holdout: 0.2 -> 0.1"]])
})

it("refuses an edit whose author saw another revision than the newest", async () => {
  const rig = createRig()
  await rig.publish()
  await rig.publish({ holdout: 0.1 })
  const { experiment } = rig.experiments.get("e")?.snapshot ?? {}
  if (experiment === undefined) throw new Error("not published")
  const edited = { ...experiment, description: "seen at revision 1" }
  const author = { actor: "Ann", source: "api" } as const
  await expect(rig.publisher.publish(edited, author, { after: 1 })).rejects.toMatchObject({ code: "revision_conflict" })
  await expect(rig.publisher.remove(experiment.id, author, 1)).rejects.toMatchObject({ code: "revision_conflict" })
  expect(await rig.publisher.publish(edited, author, { after: 2 })).toBe(3)

  const behind = createRig({ store: rig.store })
  await behind.publisher.load()
  await rig.publish({ holdout: 0.3 })
  expect(await behind.publisher.publish(edited, author, { after: 4 })).toBe(5)
})

it("keeps what was learned when a document is edited", async () => {
  const rig = createRig()
  await rig.publish()
  for (let i = 0; i < 20; i++) {
    const { token, choice } = await rig.predict({ unitId: `u${i}` })
    if (choice.variant === "b") await rig.post(token)
  }
  await rig.recorder.flush()
  await rig.publish({ policy: { kind: "thompson", minPropensity: 0.05 } })
  expect(shareOfB(rig)).toBeGreaterThan(0.9)
})

it("counts revisions on after a removal, and forgets the removal when the experiment comes back", async () => {
  const rig = createRig()
  await rig.publish()
  const id = rig.experiments.get("e")?.snapshot.experiment.id
  if (id === undefined) throw new Error("not published")
  await rig.publisher.remove(id, { actor: "test", source: "api" })
  expect(rig.experiments.get("e")).toBeUndefined()
  expect(rig.experiments.wasRemoved("e")).toBe(true)
  await rig.publish()
  expect(rig.experiments.get("e")?.snapshot.revision).toBe(3)
  expect(rig.experiments.wasRemoved("e")).toBe(false)
})

it("allocates anew only when the counters have changed or time alone changes them", async () => {
  const rig = createRig()
  await rig.publish()
  const first = rig.experiments.get("e")
  await rig.reallocator.reallocate("e")
  expect(rig.experiments.get("e")).toBe(first)
  await rig.predict()
  await rig.recorder.flush()
  await rig.reallocator.reallocate("e")
  expect(rig.experiments.get("e")?.snapshot.stateVersion).toBeGreaterThan(first?.snapshot.stateVersion ?? 0)
})

it("lets an open decision count for the rewards that should have come, by its variant's own delays", async () => {
  const rig = createRig()
  await rig.publish({ stickiness: "request", reward: { attributionWindowSeconds: 1_000, maturation: "expected" } })
  const serve = async (count: number) => {
    const tokens: { readonly a: string[]; readonly b: string[] } = { a: [], b: [] }
    for (let i = 0; i < count; i++) {
      const { token, choice } = await rig.predict()
      tokens[choice.variant === "a" ? "a" : "b"].push(token)
    }
    return tokens
  }
  const learned = async () => {
    await rig.recorder.flush()
    const served = rig.experiments.get("e")
    if (served === undefined) throw new Error("not served")
    const query = statisticsQuery(served.snapshot, rig.clock.now())
    const { variants } = await rig.counters.statistics("e", query)
    return Object.fromEntries(variants.map(({ variant, n, pending, sum }) => [variant, { n, pending, sum }]))
  }
  const first = await serve(400)
  // Half of the decisions of each click: those of `a` after two seconds, those of `b` after 900.
  rig.clock.advance(2)
  for (const token of first.a.filter((_, i) => i % 2 === 0)) await rig.post(token)
  rig.clock.advance(898)
  for (const token of first.b.filter((_, i) => i % 2 === 0)) await rig.post(token)
  rig.clock.advance(200)
  const before = await learned()
  expect(before["a"]).toMatchObject({ n: first.a.length, pending: 0 })
  const second = await serve(400)
  rig.clock.advance(500)
  const after = await learned()
  const gained = (id: string) => (after[id]?.n ?? 0) - (before[id]?.n ?? 0)
  expect(gained("a")).toBeGreaterThan(0.95 * second.a.length)
  expect(gained("b")).toBeLessThan(0.1 * second.b.length)
  expect((after["b"]?.n ?? 0) + (after["b"]?.pending ?? 0)).toBeCloseTo(first.b.length + second.b.length, 9)
  // Time alone makes an open decision count for more.
  const stale = rig.experiments.get("e")
  await rig.reallocator.reallocate("e")
  expect(rig.experiments.get("e")).not.toBe(stale)
})

it("keeps no delays of rewards that nobody learns from by their delay", async () => {
  const rig = createRig()
  await rig.publish()
  await rig.post((await rig.predict()).token)
  const [event] = (await rig.events()).filter(({ type }) => type === "reward")
  expect(event).not.toHaveProperty("delayWindowSeconds")
})

it("waits for a decision's window before it calls a missing click a failure, and counts its click only then", async () => {
  const rig = createRig()
  await rig.publish({ reward: { attributionWindowSeconds: 60, maturation: "window" } })
  for (let i = 0; i < 40; i++) {
    const { token, choice } = await rig.predict({ unitId: `u${i}` })
    if (choice.variant === "b") await rig.post(token)
  }
  await rig.recorder.flush()
  const allocationNow = async () => {
    await rig.reallocator.reallocate("e")
    return shareOfB(rig)
  }
  expect(await allocationNow()).toBe(0.5)
  rig.clock.advance(62)
  expect(await allocationNow()).toBeGreaterThan(0.95)
})

it("forgets with its memory", async () => {
  const rig = createRig()
  await rig.publish({ memory: { kind: "window", seconds: 30 } })
  for (let i = 0; i < 40; i++) {
    const { token, choice } = await rig.predict({ unitId: `u${i}` })
    if (choice.variant === "b") await rig.post(token)
  }
  await rig.recorder.flush()
  await rig.reallocator.reallocate("e")
  expect(shareOfB(rig)).toBeGreaterThan(0.95)
  rig.clock.advance(60)
  await rig.reallocator.reallocate("e")
  expect(shareOfB(rig)).toBeCloseTo(0.5, 9)
})

it("refreshes each experiment at its own pace", async () => {
  const rig = createRig()
  await rig.publish({ refreshSeconds: 10 })
  await rig.reallocator.tick()
  const { stateVersion } = rig.experiments.get("e")?.snapshot ?? {}
  await rig.predict()
  await rig.recorder.flush()
  rig.clock.advance(9)
  await rig.reallocator.tick()
  expect(rig.experiments.get("e")?.snapshot.stateVersion).toBe(stateVersion)
  rig.clock.advance(1)
  await rig.reallocator.tick()
  expect(rig.experiments.get("e")?.snapshot.stateVersion).not.toBe(stateVersion)
})

function shareOfB(rig: ReturnType<typeof createRig>): number {
  const served = rig.experiments.get("e")
  return (served === undefined ? undefined : allocationFor(served.snapshot)[1]) ?? Number.NaN
}

it("begins a variant's statistics anew when its backend changes, keeps the other's, and says so in every decision", async () => {
  const rig = createRig()
  await rig.publish({ policy: { kind: "static" } })
  for (let i = 0; i < 20; i++) await rig.predict({ unitId: `u${i}` })
  const variants = [
    { id: "a", backend: { kind: "embedded", model: "a" } },
    { id: "b", backend: { kind: "embedded", model: "a" } },
  ]
  await rig.publish({ policy: { kind: "static" }, variants })
  await rig.predict({ unitId: "u0" })
  await rig.recorder.flush()
  const served = rig.experiments.get("e")
  if (served === undefined) throw new Error("not served")
  expect(served.snapshot.lineage).toMatchObject({ series: { a: 1, b: 2 }, epoch: 1 })
  const { variants: counted } = await readStatistics(served.snapshot, rig.counters, rig.clock)
  expect(counted).toMatchObject([{ series: 1 }, { series: 2 }])
  expect((counted[0]?.decisions ?? 0) + (counted[1]?.decisions ?? 0)).toBeLessThan(21)
  expect(counted[1]?.decisions).toBeLessThanOrEqual(1)
  const decisions = (await rig.events()).filter((event) => event.type === "decision")
  expect(decisions.at(-1)).toMatchObject({ seriesByVariant: { a: 1, b: 2 } })
})

it("begins every series anew for an experiment that comes back", async () => {
  const rig = createRig()
  await rig.publish()
  const { experiment } = rig.experiments.get("e")?.snapshot ?? {}
  if (experiment === undefined) throw new Error("not served")
  await rig.publisher.remove(experiment.id, { actor: "test", source: "api" })
  await rig.publish()
  expect(rig.experiments.get("e")?.snapshot).toMatchObject({
    revision: 3,
    lineage: { series: { a: 2, b: 2 }, epoch: 2 },
  })
})

it("takes rewards of a revision that another gateway served and this one skipped", async () => {
  const store = createMemoryExperimentStore()
  const [ahead, behind] = [createRig({ store }), createRig({ store })]
  await ahead.publish()
  await behind.publisher.load()
  await behind.publish()
  await ahead.publish({ description: "second", reward: { attributionWindowSeconds: 60 } })
  const { token } = await ahead.predict()
  await ahead.publish({ description: "third" })
  expect(await behind.post(token)).toMatchObject({ code: "revision_not_served" })
  await behind.publisher.catchUp()
  await behind.publish({ description: "third" })
  expect(behind.experiments.get("e")?.snapshot.revision).toBe(3)
  expect(await behind.post(token)).toMatchObject({ status: "applied" })
})

it("tells the counters how fine they must stay", async () => {
  const rig = createRig()
  const told: unknown[] = []
  rig.counters.keep = async (experiment, resolution) => void told.push([experiment, resolution])
  await rig.publish({ memory: { kind: "window", seconds: 3_600 }, reward: { attributionWindowSeconds: 600 } })
  await rig.publish({ memory: { kind: "discount", halfLifeSeconds: 60 }, reward: { maturation: "window" } })
  expect(told).toEqual([
    ["e", { memorySeconds: 3_600, forgottenAfterSeconds: 3_600, maturationSeconds: 0 }],
    ["e", { memorySeconds: 60, forgottenAfterSeconds: 1_200, maturationSeconds: 3_600 }],
  ])
})
