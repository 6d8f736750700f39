import { entryOf } from "../domain/entry-of.ts"
import { GatewayError } from "../domain/errors.ts"
import type { RewardEvent } from "../domain/events.ts"
import { isAfter, type LogId, type LogPosition, samePosition } from "../domain/log-position.ts"
import { parseOutcomeLine } from "../domain/outcome-line.ts"
import type { CounterStore, RewardAnswer } from "../ports/counter-store.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import { createEntryReader, experimentOf, type LogEntry } from "./log-entry.ts"
import { PendingFold } from "./pending-fold.ts"
import type { RestoreRevisions } from "./restore-revisions.ts"

/** Decisions and rewards folded in one round of transactions. */
const LINES_AT_ONCE = 20_000

export interface FoldedLog {
  /** Events read. */
  readonly events: number
  /** Lines that were no events: damaged. */
  readonly skipped: number
}

export type Progress = (folded: FoldedLog) => void

/** Reads several things one after the other. @param progress told of all that was read so far @returns all that was read */
export async function readEach<T>(
  things: Iterable<T>,
  read: (thing: T, progress: Progress) => Promise<FoldedLog>,
  progress: Progress,
): Promise<FoldedLog> {
  let total: FoldedLog = { events: 0, skipped: 0 }
  for (const thing of things) {
    const before = total
    const sinceThen = ({ events, skipped }: FoldedLog): FoldedLog => ({
      events: before.events + events,
      skipped: before.skipped + skipped,
    })
    total = sinceThen(await read(thing, (more) => progress(sinceThen(more))))
  }
  return total
}

/** Where an experiment stands in a log. */
export interface Stand {
  /** Its lines are folded from here on; undefined: from the beginning of the log. */
  readonly readFrom: LogPosition | undefined
  /** What the store knows: undefined where it knows nothing of this experiment and log. */
  readonly position: LogPosition | undefined
}

/** What is to be folded: lines of one log, by experiment. */
export interface CatchUp {
  readonly reader: OutcomeReader
  readonly store: Pick<CounterStore, "fold">
  readonly log: LogId
  readonly stands: ReadonlyMap<string, Stand>
  /** Where experiments stand that `stands` doesn't have; undefined: they are left out. */
  readonly others: Stand | undefined
  /** Undefined: the end of the log. */
  readonly until: LogPosition | undefined
  readonly answered?: (rewards: readonly RewardEvent[], answers: readonly RewardAnswer[]) => void
  /** Gets the configuration changes, before what comes after them is folded: a position past one that is missing is never read again. */
  readonly restore?: RestoreRevisions | undefined
}

/**
 * Folds lines that are in the log and not in the store yet.
 *
 * @returns what was read, and where each experiment that had something to fold stands now
 * @throws GatewayError `store_unavailable` also where the store stands elsewhere than was said; `log_unavailable`
 */
export async function catchUp(
  work: CatchUp,
  progress: Progress = () => {},
): Promise<FoldedLog & { readonly positions: ReadonlyMap<string, LogPosition> }> {
  const positions = new Map<string, LogPosition>()
  const pending = new Map<string, PendingFold>()
  let lines = 0

  const flush = async (end: LogPosition): Promise<void> => {
    lines = 0
    for (const [experiment, fold] of pending) {
      if (fold.isEmpty) continue
      const from = positions.get(experiment) ?? (work.stands.get(experiment) ?? work.others)?.position
      const batch = fold.take(work.log, from, end)
      const answer = await work.store.fold(batch)
      if (answer.status !== "folded") {
        throw new GatewayError("store_unavailable", { detail: `the counters of ${experiment} are folded by another` })
      }
      positions.set(experiment, end)
      work.answered?.(batch.rewards, answer.answers)
    }
  }

  let last: LogPosition | undefined
  const starts = [...work.stands.values(), ...(work.others === undefined ? [] : [work.others])]
  const folded = await eachSegment(
    work.reader,
    { from: starts.map(({ readFrom }) => readFrom), until: work.until },
    async (entries, end, begin) => {
      await work.restore?.(entries.flatMap((entry) => (entry.kind === "experiment" ? [entry.event] : [])))
      for (const entry of entries) {
        const experiment = experimentOf(entry)
        if (experiment === undefined) continue
        const stand = work.stands.get(experiment) ?? work.others
        if (stand === undefined || isBehind(begin, stand.readFrom)) continue
        entryOf(pending, experiment, () => new PendingFold(experiment)).add(entry)
      }
      lines += entries.length
      last = end
      if (lines >= LINES_AT_ONCE) await flush(end)
    },
    progress,
  )
  if (last !== undefined) await flush(last)
  return { ...folded, positions }
}

/**
 * Reads the log from the first of several places on, in segments that begin and end at each of them.
 *
 * @param take gets the entries of a chunk, where the chunk ends and where its segment begins
 */
export async function eachSegment(
  reader: OutcomeReader,
  places: { readonly from: readonly (LogPosition | undefined)[]; readonly until: LogPosition | undefined },
  take: (entries: readonly LogEntry[], end: LogPosition, begin: LogPosition | undefined) => Promise<void> | void,
  progress: Progress,
): Promise<FoldedLog> {
  const logEntryOf = createEntryReader()
  const begins = distinct(places.from)
  let events = 0
  let skipped = 0
  for (const [index, begin] of begins.entries()) {
    const until = begins[index + 1] ?? places.until
    for await (const { lines, end } of reader.read(begin, until)) {
      const entries: LogEntry[] = []
      for (const line of lines) {
        const event = parseOutcomeLine(line)
        if (event === undefined) skipped += 1
        else entries.push(logEntryOf(event))
      }
      events += entries.length
      await take(entries, end, begin)
      progress({ events, skipped })
    }
  }
  return { events, skipped }
}

/** In log order; undefined, the beginning, comes first. */
function distinct(places: readonly (LogPosition | undefined)[]): (LogPosition | undefined)[] {
  const begin = places.includes(undefined) ? [undefined] : []
  const later = places
    .filter((place) => place !== undefined)
    .toSorted((a, b) => (samePosition(a, b) ? 0 : isAfter(a, b) ? 1 : -1))
  return [...begin, ...later.filter((place, index) => index === 0 || !samePosition(place, later[index - 1]))]
}

/** Whether `a` lies before `b`; undefined is the beginning. */
export function isBehind(a: LogPosition | undefined, b: LogPosition | undefined): boolean {
  if (b === undefined) return false
  return a === undefined || isAfter(b, a)
}
