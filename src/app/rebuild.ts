import { CounterFold } from "../domain/counter-fold.ts"
import { type CounterCell, CounterTable, GroupTable } from "../domain/counter-table.ts"
import { parseDelayMetric } from "../domain/delay-counters.ts"
import { entryOf } from "../domain/entry-of.ts"
import type { GroupRow } from "../domain/group-rows.ts"
import type { LogPosition } from "../domain/log-position.ts"
import type { Checkpoint, Checkpoints } from "../ports/checkpoints.ts"
import type { CounterArchive } from "../ports/counter-archive.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import { catchUp, eachSegment, type FoldedLog, isBehind, type Progress, readEach, type Stand } from "./catch-up.ts"
import { experimentOf } from "./log-entry.ts"
import { isInside, type LogPart, limitsOf, partsOf } from "./log-parts.ts"
import { PendingFold } from "./pending-fold.ts"
import { eachCounted, groundOf, restoreCheckpoint } from "./restore-checkpoint.ts"
import type { RestoreRevisions } from "./restore-revisions.ts"

/** Counters are compared by hour: a store's buckets differ in width, and all of them fit into hours. */
const HOUR_SECONDS = 3_600

/** One counter that isn't what the logs say. Integers as decimal strings: they may pass 2^53. */
export interface CounterDifference {
  readonly experiment: string
  readonly variant: string
  readonly series: number
  /** Empty for decisions. */
  readonly metric: string
  /** `learned`, `holdout` or `excluded`, or a unit group and its epoch. */
  readonly rows: string
  /** Start of the hour, ISO 8601; of group rows, which are compared over all time, undefined. */
  readonly hour: string | undefined
  readonly counter: "count" | "sum" | "sumSq" | "weighted" | "allocated"
  readonly store: string
  readonly log: string
}

export interface CheckedCounters extends FoldedLog {
  readonly equal: boolean
  readonly differences: readonly CounterDifference[]
  /** Events behind the stored positions: running gateways or the next start fold them. */
  readonly unfolded: number
}

/** What the logs alone don't say, because files of theirs were deleted. */
export interface Origin {
  /** Number of the checkpoint that the counters begin with; undefined where there is none, or none is needed. */
  readonly checkpoint: number | undefined
  /** Log files that are gone and that no checkpoint stands for: their outcomes are lost to the counters. */
  readonly lostFiles: number
}

/**
 * Replaces the store's counters by the fold of all given logs: those of all gateways that share the store, in any order. Where files of a log
 * are gone, it begins with the newest checkpoint that can be read: lines up to its positions bring back credits alone, later ones count.
 *
 * @throws GatewayError `store_unavailable`, `log_unavailable`
 */
export async function rebuild(
  deps: {
    readonly readers: readonly OutcomeReader[]
    readonly store: CounterStore & CounterArchive
    /** Gets the configuration changes of what is folded, before its counters are. */
    readonly restore?: RestoreRevisions
    /** Of the folder of the first log. */
    readonly checkpoints?: Checkpoints
  },
  progress: Progress,
): Promise<FoldedLog & Origin> {
  const { store, restore, checkpoints } = deps
  const parts = await partsOf(deps.readers)
  const { checkpoint, lostFiles } = await groundOf(deps.readers, checkpoints)
  if (checkpoint === undefined || checkpoints === undefined) await store.reset()
  else await restoreCheckpoint(checkpoint, { parts, archive: store, checkpoints, restore })
  const fold = async (part: LogPart, report: Progress): Promise<FoldedLog> => {
    const { reader, span, until } = part
    const begin = { readFrom: span.since, position: undefined }
    const stands = await standsAfter(checkpoint, part)
    return await catchUp({ reader, store, log: span.id, stands, others: begin, until, restore }, report)
  }
  const { events, skipped } = await readEach(parts, fold, progress)
  // A restore that was broken off is made good by any rebuild.
  if (await checkpoints?.isRestoring()) await checkpoints?.setRestoring(false)
  return { events, skipped, checkpoint: checkpoint?.number, lostFiles }
}

/**
 * Compares the store's counters with the fold of the logs up to the store's positions, and changes nothing. Works beside running gateways.
 *
 * @throws GatewayError `store_unavailable`, `log_unavailable`
 */
export async function check(
  deps: {
    readonly readers: readonly OutcomeReader[]
    readonly archive: Pick<CounterArchive, "contents">
    /** Epoch milliseconds. */
    readonly now: number
    /** Of the folder of the first log. */
    readonly checkpoints?: Checkpoints
  },
  progress: Progress,
): Promise<CheckedCounters & Origin> {
  const parts = await partsOf(deps.readers)
  // Before the store is read: a gateway that runs beside may write a checkpoint that is ahead of what was read.
  const { checkpoint, lostFiles } = await groundOf(deps.readers, deps.checkpoints)
  const contents = await deps.archive.contents()
  const fold = new CounterFold(HOUR_SECONDS)
  if (checkpoint !== undefined) {
    for (const cell of checkpoint.contents.cells) fold.table.addCell(cell)
    for (const { experiment, ...row } of checkpoint.contents.groups) fold.groups.addRow(experiment, row)
    await eachCounted(parts, checkpoint.contents.positions, (rewards) => {
      for (const event of rewards) fold.remember(event)
    })
  }
  let unfolded = 0
  const compare = async (part: LogPart, report: Progress): Promise<FoldedLog> => {
    const limits = await limitsOf(part, contents.positions)
    const counted = await limitsOf(part, checkpoint?.contents.positions ?? [])
    const pending = new Map<string, PendingFold>()
    return await eachSegment(
      part.reader,
      { from: [part.span.since, ...limits.values(), ...counted.values()].filter(isInside(part)), until: part.until },
      (entries, end, begin) => {
        for (const entry of entries) {
          const experiment = experimentOf(entry)
          if (experiment === undefined || isBefore(begin, counted.get(experiment))) continue
          const limit = limits.get(experiment)
          if (limit === undefined || !isBehind(begin, limit)) unfolded += 1
          else entryOf(pending, experiment, () => new PendingFold(experiment)).add(entry)
        }
        foldInto(fold, pending, end)
      },
      report,
    )
  }
  const total = await readEach(parts, compare, progress)
  const differences = [
    ...counterDifferences(contents.cells, fold.table, deps.now / 1000),
    ...groupDifferences(contents.groups, fold.groups),
  ]
  const events = total.events - unfolded
  const equal = differences.length === 0
  return { ...total, events, equal, differences, unfolded, checkpoint: checkpoint?.number, lostFiles }
}

/** Where each experiment is to be folded from once the store holds what the checkpoint does. */
async function standsAfter(checkpoint: Checkpoint | undefined, part: LogPart): Promise<Map<string, Stand>> {
  const stands = new Map<string, Stand>()
  const positions = checkpoint?.contents.positions.filter(({ log }) => log === part.span.id) ?? []
  const limits = await limitsOf(part, positions)
  for (const { experiment, position } of positions) {
    stands.set(experiment, { readFrom: limits.get(experiment), position })
  }
  return stands
}

/** Whether lines of a segment that begins here lie before a limit, where there is one. */
function isBefore(begin: LogPosition | undefined, limit: LogPosition | undefined): boolean {
  return limit !== undefined && isBehind(begin, limit)
}

function foldInto(fold: CounterFold, pending: ReadonlyMap<string, PendingFold>, end: LogPosition): void {
  for (const experiment of pending.values()) {
    const batch = experiment.take("", undefined, end)
    for (const addition of batch.counters) fold.addCounter(addition)
    for (const addition of batch.groups) fold.addGroup(addition)
    for (const event of batch.rewards) fold.addReward(event)
  }
}

function counterDifferences(cells: readonly CounterCell[], logged: CounterTable, now: number): CounterDifference[] {
  const stored = new CounterTable(HOUR_SECONDS)
  for (const cell of cells) stored.addCell(cell)
  const isKept = (cell: CounterCell): boolean => isSurelyKept(cell, now)
  const pairs = pair(
    [...stored.cells()].filter(isKept),
    [...logged.cells()].filter(isKept),
    ({ experiment, cohort, variant, series, metric, bucket }) =>
      [experiment, cohort, variant, series, metric, bucket].join("\n"),
  )
  return pairs.flatMap(({ named, store, log }) => {
    const { experiment, variant, series, metric, cohort, bucket } = named
    const place = { experiment, variant, series, metric, rows: cohort, hour: new Date(bucket * 1000).toISOString() }
    return differing(place, store, log, ["count", "sum", "sumSq"])
  })
}

/** Delays are kept for two attribution windows: older ones may have gone, by clocks that differ. All else is kept. */
function isSurelyKept({ metric, bucket }: CounterCell, now: number): boolean {
  const delay = parseDelayMetric(metric)
  return delay === undefined || bucket > now - delay.windowSeconds
}

type PlacedGroup = GroupRow & { readonly experiment: string }

function groupDifferences(rows: readonly PlacedGroup[], logged: GroupTable): CounterDifference[] {
  const pairs = pair(overAllTime(rows), overAllTime(logged.all()), (row) =>
    [row.experiment, row.variant, row.series, row.metric, row.epoch, row.group].join("\n"),
  )
  return pairs.flatMap(({ named, store, log }) => {
    const { experiment, variant, series, metric, group, epoch } = named
    const place = { experiment, variant, series, metric, rows: `group ${group} of epoch ${epoch}`, hour: undefined }
    return differing(place, store, log, ["count", "sum", "sumSq", "weighted", "allocated"])
  })
}

/** A store keeps hours, days and months side by side. */
function overAllTime(rows: Iterable<PlacedGroup>): Iterable<PlacedGroup> {
  const table = new GroupTable()
  for (const row of rows) table.addRow(row.experiment, { ...row, hour: 0 })
  return table.all()
}

interface Pair<Row> {
  readonly named: Row
  readonly store: Row | undefined
  readonly log: Row | undefined
}

function pair<Row>(stored: Iterable<Row>, logged: Iterable<Row>, nameOf: (row: Row) => string): Pair<Row>[] {
  const pairs = new Map<string, Pair<Row>>()
  for (const row of stored) pairs.set(nameOf(row), { named: row, store: row, log: undefined })
  for (const row of logged) pairs.set(nameOf(row), { named: row, store: pairs.get(nameOf(row))?.store, log: row })
  return [...pairs.values()]
}

function differing<
  Counter extends CounterDifference["counter"],
  Row extends Readonly<Record<Counter, number | bigint>>,
>(
  place: Omit<CounterDifference, "counter" | "store" | "log">,
  store: Row | undefined,
  log: Row | undefined,
  counters: readonly Counter[],
): CounterDifference[] {
  return counters
    .map((counter) => ({ ...place, counter, store: String(store?.[counter] ?? 0), log: String(log?.[counter] ?? 0) }))
    .filter((difference) => difference.store !== difference.log)
}
