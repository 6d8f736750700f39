import { CounterFold, counts } from "../../domain/counter-fold.ts"
import { isAfter, type LogPosition } from "../../domain/log-position.ts"
import { summarise } from "../../domain/statistics.ts"
import type { CounterArchive } from "../../ports/counter-archive.ts"
import type { CounterStore, RewardAnswer } from "../../ports/counter-store.ts"
import type { FoldBatch } from "../../ports/outcome-log.ts"

/** Counters in this process only: for tests, demonstrations and isolates without storage. */
export function createMemoryCounterStore(): CounterStore & CounterArchive {
  let fold = new CounterFold(1)
  let position: LogPosition | undefined
  const stateVersions = new Map<string, number>()

  function rise(experiments: ReadonlySet<string>): void {
    for (const experiment of experiments) stateVersions.set(experiment, (stateVersions.get(experiment) ?? 0) + 1)
  }

  function apply(batch: FoldBatch): RewardAnswer[] {
    if (!isAfter(batch.end, position)) return batch.rewards.map(() => "duplicate")
    const changed = new Set<string>()
    for (const { key, delta } of batch.decisions) {
      fold.table.add(key, delta)
      changed.add(key.experiment)
    }
    const answers = batch.rewards.map((event) => {
      const answer = fold.addReward(event)
      if (answer === "applied" && counts(event)) changed.add(event.experiment)
      return answer
    })
    position = batch.end
    rise(changed)
    return answers
  }

  return {
    fold: async (batch) => apply(batch),
    seen: async (keys) => keys.map((key) => fold.wouldDuplicate(key)),
    statistics: async (experiment, query) => ({
      stateVersion: stateVersions.get(experiment) ?? 0,
      variants: summarise(fold.table.rows(experiment, query.metric), query),
    }),
    position: async () => position,
    contents: async () => ({ position, cells: [...fold.table.cells()].map((cell) => ({ ...cell })) }),
    reset: async () => {
      rise(new Set([...fold.table.cells()].map((cell) => cell.experiment)))
      fold = new CounterFold(1)
      position = undefined
    },
    close: async () => {},
  }
}
