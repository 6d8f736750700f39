import { isCallMetric } from "../../domain/call-counters.ts"
import { type CounterContents, encodeContents, type StoredPosition } from "../../domain/counter-contents.ts"
import { CounterFold } from "../../domain/counter-fold.ts"
import { LAPSED_AFTER_MS, type LogPosition, samePosition } from "../../domain/log-position.ts"
import { summarise } from "../../domain/statistics.ts"
import { TrustedTime } from "../../domain/trusted-time.ts"
import { emptySketch, mergeSketch } from "../../domain/unit-sketch.ts"
import type { Clock } from "../../ports/clock.ts"
import type { CounterArchive } from "../../ports/counter-archive.ts"
import type { CounterStore, FoldAnswer, FoldBatch, RewardAnswer, SketchAddition } from "../../ports/counter-store.ts"

interface Stand extends StoredPosition {
  readonly answers: readonly RewardAnswer[]
}

const MACHINE_CLOCK: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() }

/** Counters in this process only: for tests, demonstrations and isolates without storage. Credits are kept as long as it lives. */
export function createMemoryCounterStore(clock: Clock = MACHINE_CLOCK): CounterStore & CounterArchive {
  const time = new TrustedTime(clock.now(), clock.monotonicMs())
  /** When each log was last heard of. */
  let seen = new Map<string, number>()
  let fold = new CounterFold(1)
  let stands = new Map<string, Stand>()
  let sketches = new Map<string, Map<string, SketchAddition>>()
  const stateVersions = new Map<string, number>()

  function rise(experiment: string): void {
    stateVersions.set(experiment, (stateVersions.get(experiment) ?? 0) + 1)
  }

  /** @returns whether the log has lapsed; else its sign of life is noted */
  function hasLapsed(log: string): boolean {
    time.advance(clock.now(), clock.monotonicMs())
    const lapsed = time.at - (seen.get(log) ?? time.at) > LAPSED_AFTER_MS
    if (!lapsed) seen.set(log, time.at)
    return lapsed
  }

  function apply(batch: FoldBatch): FoldAnswer {
    const { experiment, log, from, end } = batch
    if (hasLapsed(log)) return { status: "lapsed" }
    const name = `${experiment}\n${log}`
    const stand = stands.get(name)
    const repeated = stand !== undefined && samePosition(stand.position, end)
    if (repeated && stand.answers.length === batch.rewards.length) return { status: "folded", answers: stand.answers }
    if (repeated || !samePosition(stand?.position, from)) return { status: "elsewhere", position: stand?.position }
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

  function contents(): CounterContents {
    return {
      positions: [...stands.values()].map(({ experiment, log, position }) => ({ experiment, log, position })),
      cells: [...fold.table.cells()].map((cell) => ({ ...cell })),
      groups: [...fold.groups.all()].map((row) => ({ ...row })),
      sketches: [...sketches].flatMap(([experiment, known]) =>
        [...known.values()].map((entry) => ({ experiment, ...entry, sketch: entry.sketch.slice() })),
      ),
    }
  }

  function restore(given: CounterContents): void {
    for (const cell of given.cells) fold.table.addCell(cell)
    for (const { experiment, ...row } of given.groups) fold.groups.addRow(experiment, row)
    for (const { experiment, ...sketch } of given.sketches) addSketch(experiment, sketch)
    for (const position of given.positions) {
      stands.set(`${position.experiment}\n${position.log}`, { ...position, answers: [] })
    }
    for (const experiment of new Set(given.positions.map((position) => position.experiment))) rise(experiment)
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
      sketches: [...(sketches.get(experiment)?.values() ?? [])].map((entry) => ({
        ...entry,
        sketch: entry.sketch.slice(),
      })),
    }),
    calls: async (experiment) => fold.table.rows(experiment).filter(({ metric }) => isCallMetric(metric)),
    keep: async () => {},
    alive: async (log) => ({ lapsed: hasLapsed(log) }),
    positions: async (log) => {
      const own = [...stands.values()].filter((stand) => stand.log === log)
      return new Map<string, LogPosition>(own.map(({ experiment, position }) => [experiment, position]))
    },
    contents: async () => contents(),
    pack: async () => {
      const all = contents()
      return { positions: all.positions, bytes: new TextEncoder().encode([...encodeContents(all)].join("\n")) }
    },
    restore: async (given) => restore(given),
    remember: async (rewards) => {
      for (const event of rewards) fold.remember(event)
    },
    reset: async () => {
      for (const { experiment } of stands.values()) rise(experiment)
      fold = new CounterFold(1)
      stands = new Map()
      seen = new Map()
      sketches = new Map()
    },
    close: async () => {},
  }
}
