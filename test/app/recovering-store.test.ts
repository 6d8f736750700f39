import { expect, it } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { createRecoveringStore } from "#src/app/recovering-store.ts"
import { GatewayError } from "#src/domain/errors.ts"
import type { FoldBatch } from "#src/ports/counter-store.ts"
import { decisions, NOON } from "#test/outcomes.ts"

const KEY = {
  experiment: "banner-ctr",
  cohort: "learned",
  variant: "champion",
  series: 1,
  bucket: NOON / 1000,
} as const

function batch(from: number | undefined, until: number): FoldBatch {
  const at = (offset: number) => ({ file: 1, offset, hash: "" })
  return {
    experiment: "banner-ctr",
    log: "L1",
    from: from === undefined ? undefined : at(from),
    end: at(until),
    counters: [decisions(KEY, 1)],
    groups: [],
    sketches: [],
    rewards: [],
  }
}

it("folds nothing before the log of earlier starts, however often that fails", async () => {
  const store = createMemoryCounterStore()
  const offset = async () => (await store.positions("L1")).get("banner-ctr")?.offset
  let full = true
  let attempts = 0
  const guarded = createRecoveringStore(store, async () => {
    attempts += 1
    if (full) throw new GatewayError("store_unavailable", { detail: "no room" })
    await store.fold(batch(undefined, 100))
  })
  await expect(guarded.fold(batch(100, 200))).rejects.toThrow("no room")
  await expect(guarded.recover()).rejects.toThrow("no room")
  expect([await offset(), guarded.recovered]).toEqual([undefined, false])

  full = false
  await Promise.all([guarded.fold(batch(100, 200)), guarded.recover()])
  await guarded.fold(batch(200, 300))
  expect([await offset(), guarded.recovered, attempts]).toEqual([300, true, 3])
  const query = {
    metric: "click",
    bound: 1,
    series: { champion: 1 },
    memory: { kind: "all" },
    maturationSeconds: 0,
    now: NOON,
  } as const
  expect((await guarded.statistics("banner-ctr", query)).variants).toMatchObject([{ totals: { decisions: 3 } }])
})
