import { CounterFold } from "../../domain/counter-fold.ts"
import { type LogPosition, samePosition } from "../../domain/log-position.ts"
import { summarise } from "../../domain/statistics.ts"
import { emptySketch, mergeSketch } from "../../domain/unit-sketch.ts"
import type { CounterArchive, StoredPosition } from "../../ports/counter-archive.ts"
import type { CounterStore, FoldAnswer, FoldBatch, RewardAnswer, SketchAddition } from "../../ports/counter-store.ts"

interface Stand extends StoredPosition {
  readonly answers: readonly RewardAnswer[]
}

/** Counters in this process only: for tests, demonstrations and isolates without storage. Credits are kept as long as it lives. */
export function createMemoryCounterStore(): CounterStore & CounterArchive {
  let fold = new CounterFold(1)
  let stands = new Map<string, Stand>()
  let sketches = new Map<string, Map<string, SketchAddition>>()
  const stateVersions = new Map<string, number>()

  function rise(experiment: string): void {
    stateVersions.set(experiment, (stateVersions.get(experiment) ?? 0) + 1)
  }

  function apply(batch: FoldBatch): FoldAnswer {
    const { experiment, log, from, end } = batch
    const name = `${experiment}\n${log}`
    const stand = stands.get(name)
    if (stand !== undefined && samePosition(stand.position, end)) return { status: "folded", answers: stand.answers }
    if (!samePosition(stand?.position, from)) return { status: "elsewhere", position: stand?.position }
    for (const addition of batch.counters) fold.addCounter(addition)
    for (const addition of batch.groups) fold.addGroup(addition)
    for (const addition of batch.sketches) addSketch(experiment, addition)
    const steps = batch.rewards.map((event) => fold.addReward(event))
    if (batch.counters.length > 0 || steps.some(({ changed }) => changed)) rise(experiment)
    const answers = steps.map(({ answer }) => answer)
    stands.set(name, { experiment, log, position: end, answers })
    return { status: "folded", answers }
  }

  function addSketch(experiment: string, { variant, series, day, sketch }: SketchAddition): void {
    const known = sketches.get(experiment) ?? new Map<string, SketchAddition>()
    sketches.set(experiment, known)
    const name = `${variant}\n${series}\n${day}`
    const entry = known.get(name) ?? { variant, series, day, sketch: emptySketch() }
    mergeSketch(entry.sketch, sketch)
    known.set(name, entry)
  }

  return {
    fold: async (batch) => apply(batch),
    seen: async (keys) => keys.map((key) => fold.wouldDuplicate(key)),
    statistics: async (experiment, query) => ({
      stateVersion: stateVersions.get(experiment) ?? 0,
      ...summarise(fold.table.rows(experiment), query),
    }),
    groups: async (experiment) => ({
      rows: fold.groups.rows(experiment),
      sketches: [...(sketches.get(experiment)?.values() ?? [])].map((entry) => ({ ...entry, sketch: entry.sketch.slice() })),
    }),
    keep: async () => {},
    alive: async () => ({ lapsed: false }),
    positions: async (log) => {
      const own = [...stands.values()].filter((stand) => stand.log === log)
      return new Map<string, LogPosition>(own.map(({ experiment, position }) => [experiment, position]))
    },
    contents: async () => ({
      positions: [...stands.values()].map(({ experiment, log, position }) => ({ experiment, log, position })),
      cells: [...fold.table.cells()].map((cell) => ({ ...cell })),
      groups: [...fold.groups.all()].map((row) => ({ ...row })),
    }),
    reset: async () => {
      for (const { experiment } of stands.values()) rise(experiment)
      fold = new CounterFold(1)
      stands = new Map()
      sketches = new Map()
    },
    close: async () => {},
  }
}
