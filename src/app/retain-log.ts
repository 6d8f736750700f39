import type { ExperimentEvent } from "../domain/events.ts"
import type { LogId, LogPosition, LogSpan } from "../domain/log-position.ts"
import { parseOutcomeLine } from "../domain/outcome-line.ts"
import {
  type Held,
  hasPassed,
  type LogMark,
  type RetentionBounds,
  retentionOf,
  type Segment,
} from "../domain/retention.ts"
import { TrustedTime } from "../domain/trusted-time.ts"
import type { Checkpoints } from "../ports/checkpoints.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterArchive } from "../ports/counter-archive.ts"
import type { ExperimentStore } from "../ports/experiment-store.ts"
import type { FoldMarkStore, FoldMarks } from "../ports/fold-marks.ts"
import type { Follower, Followers } from "../ports/followers.ts"
import type { LogSegments } from "../ports/log-segments.ts"
import type { Logger } from "../ports/logger.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import { eachSegment, isBehind } from "./catch-up.ts"
import { APPEND_WITHIN_MS, experimentOf, type LogEntry } from "./log-entry.ts"
import { isInside, limitsOf, partsOf } from "./log-parts.ts"
import { toEvent } from "./revision-event.ts"

/** What retention has done since the start, for metrics. */
export interface RetentionCounts {
  deletedFiles: number
  deletedBytes: number
  checkpoints: number
  /** Outcomes deleted before a follower took them: one for each follower that missed it. */
  lostToFollowers: number
  failures: number
}

/** One of a folder's logs: its files, and how far it is folded. */
export interface RetainedLog {
  /** The thread whose log it is, from 1. */
  readonly thread: number
  readonly segments: LogSegments
  readonly reader: OutcomeReader
  readonly marks: Pick<FoldMarkStore, "load">
}

/** The same, as it was found at one look. */
interface FoundLog extends RetainedLog {
  /** Undefined where the log has no id, or it is not written down yet. */
  readonly span: LogSpan | undefined
  /** Undefined where none are of this id. */
  readonly own: FoldMarks | undefined
}

export interface RetainLogOptions {
  readonly bounds: RetentionBounds
  /** Every log of the folder, the first thread's first. */
  readonly logs: readonly [RetainedLog, ...RetainedLog[]]
  /** The store that the logs are folded into: a checkpoint is of all of it. */
  readonly archive: Pick<CounterArchive, "pack" | "positions">
  readonly experiments: Pick<ExperimentStore, "newest" | "history">
  readonly checkpoints: Checkpoints
  readonly followers: Followers
  /** The longest life of a token, milliseconds. */
  readonly tokenLifeMs: () => number
  readonly clock: Clock
  readonly logger: Logger
  /** Checkpoints are at least so far apart, milliseconds. Default ten minutes. */
  readonly checkpointEveryMs?: number
  /** Whether checkpoints are written also where no file is to go. Counters that gateways share are restored from them. Default: no. */
  readonly keepsCheckpoints?: boolean
}

const DAY_MS = 86_400_000
/** Between two pieces of a long reading, so that requests come first. */
const PAUSE_MS = 10

/**
 * Deletes files of a folder's outcome logs that are no longer wanted, once they may go (`retentionOf`). What remains of them is a checkpoint, written
 * before. Runs beside the requests, one look at a time.
 */
export class LogRetention {
  readonly counts: RetentionCounts = {
    deletedFiles: 0,
    deletedBytes: 0,
    checkpoints: 0,
    lostToFollowers: 0,
    failures: 0,
  }
  readonly #options: RetainLogOptions
  readonly #time: TrustedTime
  #looking: Promise<void> | undefined
  #checkpointedAtMs = Number.NEGATIVE_INFINITY
  /** Reasons that were logged: each once a process. */
  readonly #told = new Set<Held>()
  #failing = false
  /** Ids before which everything was read, and before which everything is folded. */
  readonly #earlierRead = new Set<LogId>()
  readonly #earlierFolded = new Set<LogId>()

  constructor(options: RetainLogOptions) {
    this.#options = options
    this.#time = new TrustedTime(options.clock.now(), options.clock.monotonicMs())
  }

  /** Looks once; a call while one is under way shares it. Never rejects: what fails is logged, counted and tried at the next look. */
  look(): Promise<void> {
    this.#looking ??= this.#lookSafely()
    return this.#looking
  }

  /** Settles when no look is under way. */
  async settled(): Promise<void> {
    await this.#looking
  }

  async #lookSafely(): Promise<void> {
    const { bounds, keepsCheckpoints, logger } = this.#options
    try {
      if (keepsCheckpoints === true) await this.#checkpoint(await this.#findLogs())
      if (bounds.maxBytes === undefined && bounds.maxAgeMs === undefined) return
      await this.#deleteWhatMayGo()
      this.#failing = false
    } catch (error) {
      this.counts.failures += 1
      if (!this.#failing)
        logger.error({ err: error }, "checkpoints can't be written, or files of the outcome log can't be deleted now")
      this.#failing = true
    } finally {
      this.#looking = undefined
    }
  }

  async #findLogs(): Promise<readonly [FoundLog, ...FoundLog[]]> {
    const [first, ...others] = this.#options.logs
    return [await findLog(first), ...(await Promise.all(others.map(findLog)))]
  }

  async #deleteWhatMayGo(): Promise<void> {
    const { bounds, checkpoints, clock, followers, logger } = this.#options
    const logs = await this.#findLogs()
    const following = await followers.list()
    const decide = async () =>
      retentionOf({
        logs: await Promise.all(
          logs.map(async ({ thread, segments, span, own }) => ({
            thread,
            log: span?.id,
            segments: await segments.list(),
            since: span !== undefined && this.#earlierFolded.has(span.id) ? undefined : span?.since,
            watermark: own?.watermark,
            followers: following.map(({ positions }) => positions.get(thread)),
          })),
        ),
        bounds,
        // A wall clock that is ahead for a while must not make everything old.
        now: this.#time.advance(clock.now(), clock.monotonicMs()),
        creditsLiveMs: this.#creditsLiveMs(),
        checkpoints: await checkpoints.list(),
      })
    let retention = await decide()
    const heldFor = (why: Held) =>
      logs.filter(({ thread }) => retention.held.some((held) => held.thread === thread && held.why === why))
    const earlier = await Promise.all(heldFor("earlier_id").map((log) => this.#areEarlierFolded(log)))
    if (earlier.includes(true)) retention = await decide()
    if (heldFor("checkpoint").length > 0 && (await this.#checkpoint(logs))) retention = await decide()
    for (const { thread, segment } of retention.go) {
      const log = logs.find((one) => one.thread === thread)
      if (log !== undefined) await this.#delete(log, segment, following)
    }
    for (const { why } of retention.held) {
      if (why === "checkpoint" || this.#told.has(why)) continue
      logger.info({ why }, "a file of the outcome log is to go and stays for now")
      this.#told.add(why)
    }
  }

  /**
   * Whether everything that was logged under earlier ids is in the counters, by where the store stands in those. Reads all of it, with pauses,
   * and once for each id: only `rebuild` would make it another answer.
   */
  async #areEarlierFolded({ reader, span }: FoundLog): Promise<boolean> {
    const { archive } = this.#options
    if (span === undefined) return false
    const { id } = span
    if (this.#earlierRead.has(id)) return this.#earlierFolded.has(id)
    let unfolded = 0
    for (const part of (await partsOf([reader])).filter((one) => one.span.id !== id)) {
      const stands = [...(await archive.positions(part.span.id))]
      const positions = stands.map(([experiment, position]) => ({ experiment, log: part.span.id, position }))
      const limits = await limitsOf(part, positions)
      const from = [part.span.since, ...limits.values()].filter(isInside(part))
      const take = async (entries: readonly LogEntry[], begin: LogPosition | undefined): Promise<void> => {
        for (const experiment of entries.map(experimentOf)) {
          if (experiment === undefined) continue
          const limit = limits.get(experiment)
          if (limit === undefined || !isBehind(begin, limit)) unfolded += 1
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      }
      await eachSegment(
        reader,
        { from, until: part.until },
        (entries, _, begin) => take(entries, begin),
        () => {},
      )
    }
    this.#earlierRead.add(id)
    if (unfolded === 0) this.#earlierFolded.add(id)
    return unfolded === 0
  }

  /** Tokens live so long, and their credits are remembered for a day more: clocks differ, and lines are folded after they were written. */
  #creditsLiveMs(): number {
    return Math.max(DAY_MS, this.#options.tokenLifeMs()) + DAY_MS
  }

  /** @returns whether one was written */
  async #checkpoint(logs: readonly [FoundLog, ...FoundLog[]]): Promise<boolean> {
    const { archive, checkpoints, checkpointEveryMs = 600_000, clock, logger } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#checkpointedAtMs < checkpointEveryMs) return false
    const [first, ...others] = logs.flatMap(({ own }) => own ?? [])
    // Where it isn't known how far a log is folded, it isn't known for all either.
    if (first === undefined || others.length + 1 < logs.length) return false
    const foldedTo = Math.min(...(await Promise.all(logs.map((log) => this.#foldedTo(log)))))
    const revisions = await this.#revisions()
    const { positions, bytes } = await archive.pack()
    for (const marks of [first, ...others]) {
      const own = positions.filter(({ log }) => log === marks.log)
      const stands = new Map(own.map(({ experiment, position }) => [experiment, position]))
      const behind = Object.entries(marks.positions).find(([name, position]) => isBehind(stands.get(name), position))
      if (behind === undefined) continue
      logger.warn({ experiment: behind[0] }, "no checkpoint of a store that has fallen behind what was folded")
      return false
    }
    const head = { logs: [markOf(first), ...others.map(markOf)] as const, foldedTo }
    const { number } = await checkpoints.write(head, revisions, bytes)
    this.#checkpointedAtMs = nowMs
    this.counts.checkpoints += 1
    logger.info({ checkpoint: number, bytes: bytes.length }, "a checkpoint of the counters is written")
    return true
  }

  /** When the first outcome was taken that may not be folded yet: now, where there is none. */
  async #foldedTo({ reader, own }: FoundLog): Promise<number> {
    const { clock } = this.#options
    const now = this.#time.advance(clock.now(), clock.monotonicMs())
    for await (const { lines } of reader.read(own?.watermark, undefined)) {
      for (const line of lines) {
        const event = parseOutcomeLine(line)
        if (event === undefined || event.type === "experiment") continue
        return Math.min(now, Date.parse(event.at)) - APPEND_WITHIN_MS
      }
    }
    return now - APPEND_WITHIN_MS
  }

  async #revisions(): Promise<ExperimentEvent[]> {
    const { experiments } = this.#options
    const histories = (await experiments.newest()).map(({ experiment }) => experiments.history(experiment))
    return (await Promise.all(histories)).flat().map(toEvent)
  }

  async #delete(
    { thread, segments, reader }: FoundLog,
    segment: Segment,
    followers: readonly Follower[],
  ): Promise<void> {
    const { logger } = this.#options
    const { file, bytes } = segment
    const missed = followers.filter(({ positions }) => !hasPassed(positions.get(thread), segment))
    const lost = await Promise.all(missed.map(({ positions }) => eventsAfter(positions.get(thread), segment, reader)))
    await segments.remove(file)
    this.counts.deletedFiles += 1
    this.counts.deletedBytes += bytes
    logger.info({ thread, file, bytes }, "a file of the outcome log is deleted")
    for (const [index, { name }] of missed.entries()) {
      const events = lost[index] ?? 0
      this.counts.lostToFollowers += events
      logger.warn(
        { follower: name, thread, file, events },
        "a follower has lost outcomes: the log passed its bound before they were taken",
      )
    }
  }
}

async function findLog(log: RetainedLog): Promise<FoundLog> {
  const span = (await log.reader.spans()).at(-1)
  const marks = await log.marks.load()
  return { ...log, span, own: marks?.log === span?.id ? marks : undefined }
}

function markOf({ log, watermark }: FoldMarks): LogMark {
  return { log, watermark }
}

/** How many events of a file come after a follower's position. */
async function eventsAfter(
  position: LogPosition | undefined,
  { file }: Segment,
  reader: OutcomeReader,
): Promise<number> {
  const begin = { file, offset: 0, hash: "" }
  const from = position?.file === file ? position : begin
  let events = 0
  for await (const { lines } of reader.read(from, { file: file + 1, offset: 0, hash: "" })) {
    events += lines.filter((line) => parseOutcomeLine(line) !== undefined).length
  }
  return events
}
