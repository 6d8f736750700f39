import { expect, it } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { createMemoryExperimentStore } from "#src/adapters/memory/experiment-store.ts"
import { rebuild } from "#src/app/rebuild.ts"
import { recover } from "#src/app/recover.ts"
import { createRecoveringExperiments, createRecoveringStore } from "#src/app/recovering-store.ts"
import { createRestoreRevisions } from "#src/app/restore-revisions.ts"
import { GatewayError } from "#src/domain/errors.ts"
import { createRig } from "./rig.ts"

/** A gateway that has published three revisions and removed another experiment. */
async function gatewayWithHistory() {
  const rig = createRig()
  await rig.publish()
  await rig.publish({ holdout: 0.1 })
  await rig.predict()
  await rig.publish({ holdout: 0.2 })
  await rig.publish({ id: "gone" })
  const { experiment } = rig.experiments.get("gone")?.snapshot ?? {}
  if (experiment === undefined) throw new Error("not published")
  await rig.publisher.remove(experiment.id, { actor: "Ann", source: "api" })
  return {
    rig,
    history: async (store = rig.store) => [...(await store.history(experiment.id)), ...(await store.latest())],
  }
}

it("takes from the log the revisions that a store has lost, all of them and as they were", async () => {
  const { rig, history } = await gatewayWithHistory()
  const { log, logger } = rig
  for (const work of ["recover", "rebuild"]) {
    const empty = createMemoryExperimentStore()
    const restore = createRestoreRevisions(empty, logger)
    const store = createMemoryCounterStore()
    for (let repeated = 0; repeated < 2; repeated++) {
      if (work === "recover") await recover({ reader: log, log, store, logger, restore })
      else await rebuild({ readers: [log], store, restore }, () => {})
      expect(await history(empty)).toEqual(await history())
    }
  }
})

it("adds to a store of yesterday what came after", async () => {
  const { rig, history } = await gatewayWithHistory()
  const old = createMemoryExperimentStore()
  const [first] = await rig.store.history(rig.experiments.get("e")?.snapshot.experiment.id ?? fail())
  await old.append(first ?? fail(), 0)
  const restore = createRestoreRevisions(old, rig.logger)
  await recover({ reader: rig.log, log: rig.log, store: createMemoryCounterStore(), logger: rig.logger, restore })
  expect((await history(old)).map(({ experiment, revision }) => `${experiment} ${revision}`).toSorted()).toEqual(
    (await history()).map(({ experiment, revision }) => `${experiment} ${revision}`).toSorted(),
  )
})

it("gives a document after the loss the number that follows the log's last", async () => {
  const { rig } = await gatewayWithHistory()
  const store = createMemoryExperimentStore()
  const restore = createRestoreRevisions(store, rig.logger)
  await recover({ reader: rig.log, log: rig.log, store: createMemoryCounterStore(), logger: rig.logger, restore })
  const later = createRig({ store })
  await later.publish({ holdout: 0.3 })
  await later.publish({ id: "gone" })
  expect((await later.events()).map(({ eventId }) => eventId)).toEqual(["e-e-4", "e-gone-3"])
})

it("appends nothing before the log could be read, and serves what is stored meanwhile", async () => {
  const { rig } = await gatewayWithHistory()
  const store = createMemoryExperimentStore()
  let full = true
  const restore = createRestoreRevisions(store, rig.logger)
  const recovering = createRecoveringStore(createMemoryCounterStore(), async () => {
    if (full) throw new GatewayError("store_unavailable", { detail: "no room" })
    await recover({ reader: rig.log, log: rig.log, store: createMemoryCounterStore(), logger: rig.logger, restore })
  })
  const guarded = createRecoveringExperiments(store, recovering)
  const later = createRig({ store: guarded })
  await expect(later.publisher.load()).rejects.toThrow("no room")
  await expect(later.publish({ holdout: 0.3 })).rejects.toThrow("no room")
  full = false
  await later.publisher.load()
  await later.publish({ holdout: 0.3 })
  expect((await later.events()).map(({ eventId }) => eventId)).toEqual(["e-e-4"])
})

function fail(): never {
  throw new Error("there is no such revision")
}
