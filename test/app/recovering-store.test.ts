import { expect, it } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { createRecoveringMarks, createRecoveringStore } from "#src/app/recovering-store.ts"
import { GatewayError } from "#src/domain/errors.ts"
import type { FoldBatch } from "#src/ports/counter-store.ts"
import type { FoldMarks } from "#src/ports/fold-marks.ts"
import { ALL_OF_CHAMPION, decisions, NOON } from "#test/outcomes.ts"

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
  expect((await guarded.statistics("banner-ctr", ALL_OF_CHAMPION)).variants).toMatchObject([
    { totals: { decisions: 3 } },
  ])
})

it("marks nothing as folded before the log of earlier starts is", async () => {
  const store = createMemoryCounterStore()
  const told: number[] = []
  const saved: FoldMarks[] = []
  const listening = {
    ...store,
    alive: async (log: string, foldedTo: number) => {
      told.push(foldedTo)
      return await store.alive(log, foldedTo)
    },
  }
  const guarded = createRecoveringStore(listening, async () => {})
  const kept = { load: async () => saved.at(-1), save: async (marks: FoldMarks) => void saved.push(marks) }
  const marks = createRecoveringMarks(kept, guarded)
  const end = { log: "L1", watermark: { file: 1, offset: 300, hash: "" }, positions: {} }
  const mark = async () => {
    await marks.save(end)
    await guarded.alive("L1", NOON)
  }
  await mark()
  expect([saved, told]).toEqual([[], [0]])
  await guarded.recover()
  await mark()
  expect([await marks.load(), told]).toEqual([end, [0, NOON]])
})
