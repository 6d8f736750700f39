import { isAfter, LAPSED_AFTER_MS, type LogId, type LogPosition } from "../domain/log-position.ts"
import { parseOutcomeLine } from "../domain/outcome-line.ts"
import { type LinePlace, LOG_BEGIN } from "../domain/placed-line.ts"
import type { Clock } from "../ports/clock.ts"
import type { CopiedLog, LogRun } from "../ports/copied-log.ts"
import type { CounterArchive } from "../ports/counter-archive.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { Loss, SharedCounters } from "../ports/shared-counters.ts"
import { catchUp, type FoldedLog, isBehind, type Progress, readEach, type Stand } from "./catch-up.ts"
import type { LogPart } from "./log-parts.ts"
import { eachCounted } from "./restore-checkpoint.ts"
import type { RestoreRevisions } from "./restore-revisions.ts"
import { creditsSince } from "./restore-shared.ts"

/** What no gateway says of its own log: nothing is known to be folded. It holds credits back, and the log isn't taken for one that is written. */
const FOLDED_TO_NOWHERE = -1

/** Lines of a log that no copy has. */
export interface MissingLines {
  readonly log: LogId
  /** Undefined: the beginning of the log. */
  readonly from: LinePlace | undefined
  readonly to: LinePlace
  /** How much that is; undefined where it is in several files, whose sizes nobody knows. */
  readonly bytes: number | undefined
  /** Experiments that are counted up to `from` and no further: what is missing may be theirs. */
  readonly experiments: readonly string[]
}

/** What became of copied logs. */
export interface CopiesEnd {
  readonly missing: readonly MissingLines[]
  /** Logs that gateways write to: they count them by themselves. */
  readonly running: readonly LogId[]
  /** Logs that were silent for so long that their rewards can't be told from repeated ones. */
  readonly lapsed: readonly LogId[]
  /** Logs of which copies have different lines at the same place. */
  readonly contradicted: readonly LogId[]
}

export interface CopyDeps {
  readonly store: CounterStore & CounterArchive & SharedCounters
  readonly clock: Pick<Clock, "now">
  /** Gets the configuration changes of what is folded, before its counters are. */
  readonly restore?: RestoreRevisions | undefined
  /** Whether to count what comes after missing lines: these can't be counted any more then. */
  readonly overGaps?: boolean | undefined
}

/**
 * Counts what copies of logs have and the counters that gateways share lack: of each experiment from where it stands in a log, up to where lines
 * are missing. What comes after those is left for a copy that has them, since a position passes each line once.
 *
 * Every method may throw GatewayError `store_unavailable` or `log_unavailable`.
 */
export class CopiedLogs {
  readonly #copies: readonly CopiedLog[]
  readonly #deps: CopyDeps
  readonly #running: LogId[] = []
  readonly #lapsed: LogId[] = []
  readonly #contradicted: LogId[] = []
  #gone: readonly CountedCopy[] = []

  constructor(copies: readonly CopiedLog[], deps: CopyDeps) {
    this.#copies = copies
    this.#deps = deps
  }

  /**
   * Brings back the credits that restored counters owe, as far as copies have them. Before anything is counted of any log: a reward after the
   * restored positions may be of a decision that had one before.
   */
  async bringBack(losses: readonly Loss[]): Promise<void> {
    this.#gone = await this.#sort(losses)
    for (const copy of this.#gone) await copy.bringBack(losses)
  }

  /** Counts what there is to count. @returns what was read for that */
  async count(progress: Progress): Promise<FoldedLog> {
    return await readEach(this.#gone, (copy, report) => copy.count(report), progress)
  }

  /** What became of them. @param losses as they are now that all is counted */
  async end(losses: readonly Loss[]): Promise<CopiesEnd> {
    const missing: MissingLines[] = []
    for (const copy of this.#gone) missing.push(...(await copy.end(losses)))
    return { missing, running: this.#running, lapsed: this.#lapsed, contradicted: this.#contradicted }
  }

  async #sort(losses: readonly Loss[]): Promise<CountedCopy[]> {
    const { store } = this.#deps
    const gone: CountedCopy[] = []
    for (const copy of this.#copies) {
      const { id } = copy
      if (await store.isWritten(id)) this.#running.push(id)
      else if (await contradicts(copy, store, losses)) this.#contradicted.push(id)
      else if ((await store.alive(id, FOLDED_TO_NOWHERE)).lapsed) this.#lapsed.push(id)
      else gone.push(new CountedCopy(copy, this.#deps))
    }
    return gone
  }
}

/** Whether copies have different lines of a log, or others than were counted. */
async function contradicts(
  { id, runs, contradiction }: CopiedLog,
  store: CopyDeps["store"],
  losses: readonly Loss[],
): Promise<boolean> {
  if (contradiction !== undefined) return true
  const owed = losses.flatMap((loss) => loss.owed.get(id) ?? [])
  for (const position of [...(await store.positions(id)).values(), ...owed]) {
    const run = runAt(runs, position)
    if (run !== undefined && !(await run.reader.reaches(position))) return true
  }
  return false
}

/** One log's copy while it is counted. */
class CountedCopy {
  readonly #copy: CopiedLog
  readonly #deps: CopyDeps
  /** Experiments whose credits are not all back: nothing more of this log is counted for them. */
  readonly #held = new Set<string>()
  readonly #lackingCredits: MissingLines[] = []
  #lacking: readonly MissingLines[] = []

  constructor(copy: CopiedLog, deps: CopyDeps) {
    this.#copy = copy
    this.#deps = deps
  }

  async bringBack(losses: readonly Loss[]): Promise<void> {
    const { id, runs } = this.#copy
    const { store, overGaps } = this.#deps
    const owed = losses.flatMap((loss) => {
      const position = loss.owed.get(id)
      return position === undefined ? [] : [{ loss, experiment: loss.experiment, log: id, position }]
    })
    if (owed.length === 0) return
    await eachCounted(
      runs.map((run) => partOf(id, run)),
      owed,
      (rewards) => store.remember(rewards),
    )
    for (const { loss, experiment, position } of owed) {
      const run = runAt(runs, position)
      const isWhole = run !== undefined && (await reachesBack(run, creditsSince([loss])))
      if (!isWhole) this.#lackingCredits.push(missing(id, undefined, run?.begin ?? position, [experiment]))
      if (isWhole || overGaps === true) await store.settle(experiment, id, position)
      else this.#held.add(experiment)
    }
  }

  async count(progress: Progress): Promise<FoldedLog> {
    const { id, runs } = this.#copy
    const { store, restore } = this.#deps
    const positions = new Map(await store.positions(id))
    const lacking: MissingLines[] = []
    const countRun = async ([index, run]: readonly [number, LogRun], report: Progress): Promise<FoldedLog> => {
      const { stands, behind } = this.#standsIn(run, positions)
      if (run.begin !== undefined && behind.length > 0) {
        const first = firstOf(behind.map((experiment) => positions.get(experiment)))
        const before = runs[index - 1]?.end
        const from = before !== undefined && isBehind(first, before) ? before : first
        lacking.push(missing(id, from, run.begin, behind))
      }
      const work = { reader: run.reader, store, log: id, stands, others: undefined, until: undefined, restore }
      const folded = await catchUp(work, report)
      for (const [experiment, position] of folded.positions) positions.set(experiment, position)
      return folded
    }
    const total = await readEach(runs.entries(), countRun, progress)
    this.#lacking = lacking
    return total
  }

  async end(losses: readonly Loss[]): Promise<MissingLines[]> {
    const { id } = this.#copy
    const { store, clock, overGaps } = this.#deps
    const unreached = losses.flatMap(({ experiment, positions, missing: ends }) => {
      const end = ends.get(id)
      return end === undefined || this.#held.has(experiment) ? [] : [missing(id, positions.get(id), end, [experiment])]
    })
    const all = [...this.#lackingCredits, ...this.#lacking, ...unreached]
    // Nothing more comes of it: what waits for all logs needn't wait for this one.
    if (all.length === 0 || overGaps === true) await store.alive(id, clock.now() + LAPSED_AFTER_MS)
    return all
  }

  /** Which experiments have lines of a run to be counted, and which of all stand before it. */
  #standsIn({ begin, end }: LogRun, positions: ReadonlyMap<string, LogPosition>) {
    const stands = new Map<string, Stand>()
    const behind: string[] = []
    for (const experiment of this.#copy.experiments) {
      const position = positions.get(experiment)
      if (this.#held.has(experiment) || (position !== undefined && !isAfter(end, position))) continue
      const lacksLines = begin !== undefined && isAfter(begin, position)
      if (lacksLines) behind.push(experiment)
      if (lacksLines && this.#deps.overGaps !== true) continue
      stands.set(experiment, { readFrom: lacksLines ? undefined : position, position })
    }
    return { stands, behind }
  }
}

function missing(
  log: LogId,
  from: LinePlace | undefined,
  { file, offset }: LinePlace,
  experiments: readonly string[],
): MissingLines {
  const begin = from === undefined ? undefined : { file: from.file, offset: from.offset }
  const bytes = from?.file === file ? offset - from.offset : undefined
  return { log, from: begin, to: { file, offset }, bytes, experiments }
}

/** The first of some places; undefined where one is the beginning. */
function firstOf(places: readonly (LogPosition | undefined)[]): LogPosition | undefined {
  return places.reduce((first, place) => (isAfter(first ?? LOG_BEGIN, place ?? LOG_BEGIN) ? place : first))
}

/** The run that a place lies in. */
function runAt(runs: readonly LogRun[], place: LogPosition): LogRun | undefined {
  return runs.find(({ begin, end }) => (begin === undefined || !isAfter(begin, place)) && !isAfter(place, end))
}

function partOf(id: LogId, { begin, reader }: LogRun): LogPart {
  const since = begin === undefined ? undefined : { ...begin, hash: "" }
  return { reader, span: { id, since }, until: undefined }
}

/** Whether a run has every outcome of its log from a time on, up to where it ends. @param since epoch milliseconds */
async function reachesBack({ begin, reader }: LogRun, since: number): Promise<boolean> {
  if (begin === undefined) return true
  for await (const { lines } of reader.read(undefined, undefined)) {
    const first = lines.map(parseOutcomeLine).find((event) => event?.type === "decision" || event?.type === "reward")
    if (first !== undefined) return Date.parse(first.at) < since
  }
  return false
}
