import { setImmediate as nextRound } from "node:timers/promises"
import { expect, it } from "vitest"
import { createMemoryExperimentStore } from "#src/adapters/memory/experiment-store.ts"
import { createMirroredExperiments } from "#src/app/mirrored-experiments.ts"
import { GatewayError } from "#src/domain/errors.ts"
import type { ExperimentStore } from "#src/ports/experiment-store.ts"
import { revision } from "#test/contract/experiment-store.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"

const FIRST = revision("banner", 1, { policy: { kind: "static" } })
const SECOND = revision("banner", 2, { policy: { kind: "thompson" } })

const refuses = async () => {
  throw new GatewayError("store_unavailable", { detail: "told to" })
}
const AWAY: ExperimentStore = { latest: refuses, newest: refuses, history: refuses, append: refuses }

/** So many rounds of the event loop. */
async function rounds(count: number): Promise<void> {
  for (let done = 0; done < count; done++) await nextRound()
}

/** What a gateway has copied of a shared store with two revisions. */
async function copied(): Promise<ExperimentStore> {
  const own = createMemoryExperimentStore()
  const mirrored = createMirroredExperiments(createMemoryExperimentStore(), own, createRememberingLogger())
  await mirrored.append(FIRST, 0)
  await mirrored.append(SECOND, 1)
  await expect.poll(() => own.latest()).toEqual([SECOND])
  return own
}

it("serves its own copy while the shared store is away, and lets nobody write to that", async () => {
  const own = await copied()
  const mirrored = createMirroredExperiments(AWAY, own, createRememberingLogger())
  expect(await mirrored.latest()).toEqual([SECOND])
  expect(await mirrored.history(SECOND.experiment)).toEqual([FIRST, SECOND])
  await expect(mirrored.append(revision("banner", 3, null), 2)).rejects.toMatchObject({ code: "store_unavailable" })
  expect(await own.latest()).toEqual([SECOND])
})

it.each([
  ["was set back to an earlier revision", [FIRST]],
  ["was emptied", []],
])("serves the newest that it knows, and gives it back, where the shared store %s", async (_, kept) => {
  const own = await copied()
  const shared = createMemoryExperimentStore()
  for (const one of kept) await shared.append(one, 0)
  const mirrored = createMirroredExperiments(shared, own, createRememberingLogger())
  expect(await mirrored.latest()).toEqual([SECOND])
  expect(await shared.history(SECOND.experiment)).toEqual([FIRST, SECOND])
  expect(await own.latest()).toEqual([SECOND])
})

it("serves nothing earlier while several give back the same to a store that was emptied", async () => {
  const all = Array.from({ length: 5 }, (_, index) => revision("banner", index + 1, { holdout: index / 10 }))
  const shared = createMemoryExperimentStore()
  const gateways = await Promise.all(
    Array.from({ length: 3 }, async (_, index) => {
      const own = createMemoryExperimentStore()
      for (const one of all) await own.append(one, one.revision - 1)
      const append: ExperimentStore["append"] = async (one, after) => {
        await rounds(index)
        await shared.append(one, after)
        await rounds(2)
      }
      return createMirroredExperiments({ ...shared, append }, own, createRememberingLogger())
    }),
  )
  const latest = await Promise.all(gateways.map((gateway) => gateway.latest()))
  expect(latest).toEqual(gateways.map(() => all.slice(-1)))
  expect(await shared.history(FIRST.experiment)).toEqual(all)
})

it("takes what others have published meanwhile", async () => {
  const own = await copied()
  const shared = createMemoryExperimentStore()
  const third = revision("banner", 3, null)
  for (const [index, one] of [FIRST, SECOND, third].entries()) await shared.append(one, index)
  const mirrored = createMirroredExperiments(shared, own, createRememberingLogger())
  expect(await mirrored.latest()).toEqual([third])
  await expect.poll(() => own.latest()).toEqual([third])
})
