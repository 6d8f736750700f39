import { CounterFold } from "../domain/counter-fold.ts"
import { type CounterCell, CounterTable } from "../domain/counter-table.ts"
import type { LogPosition } from "../domain/log-position.ts"
import { parseOutcomeLine } from "../domain/outcome-line.ts"
import type { CounterArchive } from "../ports/counter-archive.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { LogEntry } from "../ports/outcome-log.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import { logEntryOf } from "./log-entry.ts"
import { PendingFold } from "./pending-fold.ts"

/** Counters are compared by hour: a store's buckets differ in width, and all of them fit into hours. */
const HOUR_SECONDS = 3_600

/** Decisions and rewards folded in one transaction. */
const LINES_AT_ONCE = 20_000

export interface FoldedLog {
  /** Events folded. */
  readonly events: number
  /** Lines that were no events: damaged. */
  readonly skipped: number
}

export type Progress = (folded: FoldedLog) => void

/** One counter that isn't what the log says, in one hour. Sums in micro-units, as decimal strings: they may pass 2^53. */
export interface CounterDifference {
  readonly experiment: string
  readonly variant: string
  readonly metric: string
  /** Start of the hour, ISO 8601. */
  readonly hour: string
  readonly counter: "decisions" | "rewards" | "sum" | "sumSq"
  readonly store: string
  readonly log: string
}

export interface CheckedCounters extends FoldedLog {
  readonly equal: boolean
  readonly differences: readonly CounterDifference[]
  /** Events behind the stored position: the next start folds them. */
  readonly unfolded: number
}

/**
 * Brings the counters up to the end of the log, at start. The log must have been opened for writing before, which settles where it ends.
 *
 * Where the log no longer reaches to the stored position (a power failure took its last milliseconds), everything is folded anew.
 *
 * @throws GatewayError `store_unavailable`, `log_unavailable`
 */
export async function recover(deps: {
  readonly reader: OutcomeReader
  readonly store: CounterStore & CounterArchive
  readonly logger: Logger
}): Promise<FoldedLog & { readonly rebuilt: boolean }> {
  const position = await deps.store.position()
  const rebuilt = position !== undefined && !(await deps.reader.reaches(position))
  if (rebuilt) {
    deps.logger.warn({ position }, "the outcome log ends before the counters' position: folding all of it anew")
    await deps.store.reset()
  }
  const folded = await foldInto(deps.store, deps.reader, rebuilt ? undefined : position, () => {})
  deps.logger.info({ ...folded, rebuilt, from: position ?? null }, "counters are up to date with the outcome log")
  return { ...folded, rebuilt }
}

/**
 * Replaces the store's counters by the fold of the whole log. Interrupted, it is finished by the next start.
 *
 * @throws GatewayError `store_unavailable`, `log_unavailable`
 */
export async function rebuild(
  deps: { readonly reader: OutcomeReader; readonly store: CounterStore & CounterArchive },
  progress: Progress,
): Promise<FoldedLog> {
  await deps.store.reset()
  return await foldInto(deps.store, deps.reader, undefined, progress)
}

/**
 * Compares the store's counters with the fold of the log up to the store's position (all of it, where the store has none or the log doesn't
 * reach there), and changes nothing. Works beside a running gateway.
 *
 * @throws GatewayError `store_unavailable`, `log_unavailable`
 */
export async function check(
  deps: { readonly reader: OutcomeReader; readonly archive: CounterArchive },
  progress: Progress,
): Promise<CheckedCounters> {
  const { position, cells } = await deps.archive.contents()
  const fold = new CounterFold(HOUR_SECONDS)
  const until = position !== undefined && (await deps.reader.reaches(position)) ? position : undefined
  const folded = await eachEntry(deps.reader, undefined, until, (entries) => addAll(fold, entries), progress)
  const unfolded = until === undefined ? 0 : await countEvents(deps.reader, until)
  const stored = new CounterTable(HOUR_SECONDS)
  for (const cell of cells) stored.addCell(cell)
  const differences = differencesOf(stored, fold.table)
  return { ...folded, equal: differences.length === 0, differences, unfolded }
}

async function countEvents(reader: OutcomeReader, from: LogPosition): Promise<number> {
  const { events } = await eachEntry(
    reader,
    from,
    undefined,
    () => {},
    () => {},
  )
  return events
}

async function foldInto(
  store: CounterStore,
  reader: OutcomeReader,
  from: LogPosition | undefined,
  progress: Progress,
): Promise<FoldedLog> {
  const pending = new PendingFold()
  let lines = 0
  const flush = async (): Promise<void> => {
    lines = 0
    const batch = pending.take()
    if (batch !== undefined) await store.fold(batch)
  }
  const folded = await eachEntry(
    reader,
    from,
    undefined,
    async (entries, end) => {
      pending.add(entries, end)
      lines += entries.length
      if (lines >= LINES_AT_ONCE) await flush()
    },
    progress,
  )
  await flush()
  return folded
}

async function eachEntry(
  reader: OutcomeReader,
  from: LogPosition | undefined,
  until: LogPosition | undefined,
  take: (entries: readonly LogEntry[], end: LogPosition) => Promise<void> | void,
  progress: Progress,
): Promise<FoldedLog> {
  let events = 0
  let skipped = 0
  for await (const { lines, end } of reader.read(from, until)) {
    const entries: LogEntry[] = []
    for (const line of lines) {
      const event = parseOutcomeLine(line)
      if (event === undefined) skipped += 1
      else entries.push(logEntryOf(event))
    }
    events += entries.length
    await take(entries, end)
    progress({ events, skipped })
  }
  return { events, skipped }
}

function addAll(fold: CounterFold, entries: readonly LogEntry[]): void {
  for (const entry of entries) {
    if (entry.kind === "reward") fold.addReward(entry.event)
    else if (entry.kind === "decision" && entry.learn) fold.addDecision(entry.key)
  }
}

function differencesOf(stored: CounterTable, logged: CounterTable): CounterDifference[] {
  const pairs = new Map<string, { store?: CounterCell; log?: CounterCell }>()
  for (const cell of stored.cells()) pairs.set(placeOf(cell), { store: cell })
  for (const cell of logged.cells()) pairs.set(placeOf(cell), { ...pairs.get(placeOf(cell)), log: cell })
  return [...pairs.values()].flatMap(({ store, log }) => {
    const named = store ?? log
    if (named === undefined) return []
    const place = {
      experiment: named.experiment,
      variant: named.variant,
      metric: named.metric,
      hour: new Date(named.bucket * 1000).toISOString(),
    }
    return (["decisions", "rewards", "sum", "sumSq"] as const)
      .map((counter) => ({ ...place, counter, store: String(store?.[counter] ?? 0), log: String(log?.[counter] ?? 0) }))
      .filter((difference) => difference.store !== difference.log)
  })
}

function placeOf(cell: CounterCell): string {
  return `${cell.experiment}\n${cell.metric}\n${cell.variant}\n${cell.bucket}`
}
