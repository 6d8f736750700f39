import { CounterFold } from "../domain/counter-fold.ts"
import { type CounterCell, CounterTable, GroupTable } from "../domain/counter-table.ts"
import type { GroupRow } from "../domain/group-rows.ts"
import type { LogPosition, LogSpan } from "../domain/log-position.ts"
import type { ArchiveContents, CounterArchive } from "../ports/counter-archive.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import { catchUp, eachSegment, type FoldedLog, isBehind, type Progress } from "./catch-up.ts"
import { experimentOf, type LogEntry } from "./log-entry.ts"
import { PendingFold } from "./pending-fold.ts"
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

/** Part of one of the logs, under its own id. A part that another log has too, a copied folder's, is there once. */
interface Part {
  readonly reader: OutcomeReader
  readonly span: LogSpan
  readonly until: LogPosition | undefined
}

/**
 * Replaces the store's counters by the fold of all given logs: those of all gateways that share the store, in any order.
 *
 * @throws GatewayError `store_unavailable`, `log_unavailable`
 */
export async function rebuild(
  deps: {
    readonly readers: readonly OutcomeReader[]
    readonly store: CounterStore & CounterArchive
    /** Gets the configuration changes of what is folded, before its counters are. */
    readonly restore?: RestoreRevisions
  },
  progress: Progress,
): Promise<FoldedLog> {
  await deps.store.reset()
  const total = { events: 0, skipped: 0 }
  for (const { reader, span, until } of await partsOf(deps.readers)) {
    const begin = { readFrom: span.since, position: undefined }
    const report = (part: FoldedLog): void => progress(sum(total, part))
    const { store, restore } = deps
    const folded = await catchUp(
      { reader, store, log: span.id, stands: new Map(), others: begin, until, restore },
      report,
    )
    Object.assign(total, sum(total, folded))
  }
  return total
}

/**
 * Compares the store's counters with the fold of the logs up to the store's positions, and changes nothing. Works beside running gateways.
 *
 * @throws GatewayError `store_unavailable`, `log_unavailable`
 */
export async function check(
  deps: { readonly readers: readonly OutcomeReader[]; readonly archive: CounterArchive },
  progress: Progress,
): Promise<CheckedCounters> {
  const contents = await deps.archive.contents()
  const fold = new CounterFold(HOUR_SECONDS)
  const total = { events: 0, skipped: 0 }
  let unfolded = 0
  for (const part of await partsOf(deps.readers)) {
    const limits = await limitsOf(part, contents)
    const pending = new Map<string, PendingFold>()
    const report = (folded: FoldedLog): void => progress(sum(total, folded))
    const folded = await eachSegment(
      part.reader,
      { from: [part.span.since, ...limits.values()].filter(isInside(part)), until: part.until },
      (entries, end, begin) => {
        for (const entry of entries) {
          const experiment = experimentOf(entry)
          if (experiment === undefined) continue
          const limit = limits.get(experiment)
          if (limit === undefined || !isBehind(begin, limit)) unfolded += 1
          else take(pending, experiment, entry)
        }
        foldInto(fold, pending, end)
      },
      report,
    )
    Object.assign(total, sum(total, folded))
  }
  const differences = [
    ...counterDifferences(contents.cells, fold.table),
    ...groupDifferences(contents.groups, fold.groups),
  ]
  const events = total.events - unfolded
  return { ...total, events, equal: differences.length === 0, differences, unfolded }
}

/** All parts of all logs, each once. */
async function partsOf(readers: readonly OutcomeReader[]): Promise<Part[]> {
  const parts = new Map<string, Part>()
  const all = await Promise.all(readers.map(async (reader) => ({ reader, spans: await reader.spans() })))
  for (const { reader, spans } of all) {
    for (const [index, span] of spans.entries()) {
      const part = { reader, span, until: spans[index + 1]?.since }
      const known = parts.get(span.id)
      // The longer one has all of the other: a copied folder ends its part where it took a new id.
      if (
        known === undefined ||
        (known.until !== undefined && (part.until === undefined || isBehind(known.until, part.until)))
      ) {
        parts.set(span.id, part)
      }
    }
  }
  return [...parts.values()]
}

/** Up to where each experiment of a part is folded. A position that the part doesn't reach lies behind all of it. */
async function limitsOf({ reader, span, until }: Part, contents: ArchiveContents): Promise<Map<string, LogPosition>> {
  const limits = new Map<string, LogPosition>()
  const last = until ?? (await reader.end())
  for (const { experiment, log, position } of contents.positions) {
    if (log !== span.id || last === undefined) continue
    limits.set(experiment, isBehind(position, last) && (await reader.reaches(position)) ? position : last)
  }
  return limits
}

function isInside({ span, until }: Part): (place: LogPosition | undefined) => boolean {
  return (place) => !isBehind(place, span.since) && (until === undefined || isBehind(place, until))
}

function take(pending: Map<string, PendingFold>, experiment: string, entry: LogEntry): void {
  const fold = pending.get(experiment) ?? new PendingFold(experiment)
  pending.set(experiment, fold)
  fold.add(entry)
}

function foldInto(fold: CounterFold, pending: ReadonlyMap<string, PendingFold>, end: LogPosition): void {
  for (const experiment of pending.values()) {
    const batch = experiment.take("", undefined, end)
    for (const addition of batch.counters) fold.addCounter(addition)
    for (const addition of batch.groups) fold.addGroup(addition)
    for (const event of batch.rewards) fold.addReward(event)
  }
}

function sum(a: FoldedLog, b: FoldedLog): FoldedLog {
  return { events: a.events + b.events, skipped: a.skipped + b.skipped }
}

function counterDifferences(cells: readonly CounterCell[], logged: CounterTable): CounterDifference[] {
  const stored = new CounterTable(HOUR_SECONDS)
  for (const cell of cells) stored.addCell(cell)
  const pairs = pair(stored.cells(), logged.cells(), ({ experiment, cohort, variant, series, metric, bucket }) =>
    [experiment, cohort, variant, series, metric, bucket].join("\n"),
  )
  return pairs.flatMap(({ named, store, log }) => {
    const { experiment, variant, series, metric, cohort, bucket } = named
    const place = { experiment, variant, series, metric, rows: cohort, hour: new Date(bucket * 1000).toISOString() }
    return differing(place, store, log, ["count", "sum", "sumSq"])
  })
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
