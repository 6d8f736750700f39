import type { LogId, LogPosition } from "./log-position.ts"

/** How much of the outcome log is kept. Undefined: nothing is deleted for that reason. */
export interface RetentionBounds {
  readonly maxBytes: number | undefined
  readonly maxAgeMs: number | undefined
}

/** A file of the log, as far as its fate depends on it. */
export interface Segment {
  readonly file: number
  readonly bytes: number
  /** When its newest outcome was taken, epoch milliseconds; undefined where it has none. */
  readonly newestAt: number | undefined
}

/** A checkpoint that can be read: which lines of which logs its counters have. */
export interface Covered {
  /** Of each of the folder's logs every line before this place. */
  readonly logs: readonly LogMark[]
  /** Every line taken before this time, epoch milliseconds. */
  readonly foldedTo: number
}

/** A place in a log up to which all of it is folded. */
export interface LogMark {
  readonly log: LogId
  readonly watermark: LogPosition
}

/** One of the folder's logs, as far as the fate of its files depends on it. */
export interface LogFacts {
  /** The thread whose log it is, from 1. */
  readonly thread: number
  /** Undefined where it can't be told. */
  readonly log: LogId | undefined
  /** Ascending; the last is being written. */
  readonly segments: readonly Segment[]
  /** Before this place nobody knows whether all is folded: the log went by another id; undefined: with the first file. */
  readonly since: LogPosition | undefined
  /** Up to where the log is folded; undefined where nobody knows. */
  readonly watermark: LogPosition | undefined
  /** Up to where each follower has taken the log; undefined: nothing yet. */
  readonly followers: readonly (LogPosition | undefined)[]
}

export interface RetentionFacts {
  readonly logs: readonly LogFacts[]
  readonly bounds: RetentionBounds
  /** Epoch milliseconds. */
  readonly now: number
  /** How long credits of an outcome may matter: the life of a token and what clocks differ by. */
  readonly creditsLiveMs: number
  readonly checkpoints: readonly Covered[]
}

/** Why the oldest file that is no longer wanted stays. */
export type Held =
  /** It has lines that are not folded. */
  | "unfolded"
  /** It has lines of an id that the log went by before, and not all of those are known to be folded. */
  | "earlier_id"
  /** Its rewards may be repeated yet. */
  | "young"
  /** A follower hasn't taken all of it. */
  | "follower"
  /** Fewer than two checkpoints stand for it. */
  | "checkpoint"

export interface Retention {
  /** Files to delete, by the thread whose log they are of; of one log oldest first. */
  readonly go: readonly { readonly thread: number; readonly segment: Segment }[]
  /** Of each log whose oldest file is no longer wanted and stays: why. */
  readonly held: readonly { readonly thread: number; readonly why: Held }[]
}

/** So many checkpoints stand for a file that goes: one that is damaged loses nothing. */
const CHECKPOINTS = 2

/**
 * Which files of the logs go: the oldest of all first, and of each log up to the first that has to stay.
 *
 * A file goes because the logs together are larger than their bound or the file older. Only what is folded, whose credits matter no longer and
 * what two checkpoints stand for can go. A checkpoint stands for a file where everything that could repeat a reward of it was folded before,
 * too: else a `rebuild` would count the repetition. Followers hold files back until the logs are larger than their bound.
 */
export function retentionOf(facts: RetentionFacts): Retention {
  const { logs, bounds, now } = facts
  let bytes = logs.flatMap(({ segments }) => segments).reduce((sum, segment) => sum + segment.bytes, 0)
  const go: Retention["go"][number][] = []
  const held: Retention["held"][number][] = []
  let left = logs.map((log) => ({ log, segments: log.segments.slice(0, -1) }))
  for (let oldest = oldestOf(left); oldest !== undefined; oldest = oldestOf(left)) {
    const { log, segments } = oldest
    const { thread } = log
    const [segment, ...later] = segments as [Segment, ...Segment[]]
    const isOver = bounds.maxBytes !== undefined && bytes > bounds.maxBytes
    const isOld = bounds.maxAgeMs !== undefined && now - (segment.newestAt ?? now) > bounds.maxAgeMs
    const why = isOver || isOld ? heldBy(segment, log, facts, isOver) : undefined
    const goes = (isOver || isOld) && why === undefined
    if (why !== undefined) held.push({ thread, why })
    if (goes) {
      go.push({ thread, segment })
      bytes -= segment.bytes
    }
    left = left.map((one) => (one === oldest ? { log, segments: goes ? later : [] } : one))
  }
  return { go, held }
}

/** The log whose first file is the oldest; one without outcomes is older than any. */
function oldestOf<Log extends Pick<LogFacts, "segments">>(logs: readonly Log[]): Log | undefined {
  const age = ({ segments }: Log): number => segments[0]?.newestAt ?? Number.NEGATIVE_INFINITY
  return logs.filter(({ segments }) => segments.length > 0).toSorted((a, b) => (age(a) < age(b) ? -1 : 1))[0]
}

function heldBy(segment: Segment, of: LogFacts, facts: RetentionFacts, isOver: boolean): Held | undefined {
  const { log, since, watermark, followers } = of
  const { now, creditsLiveMs, checkpoints } = facts
  const { file, newestAt = Number.NEGATIVE_INFINITY } = segment
  if (since !== undefined && (file < since.file || (file === since.file && since.offset > 0))) return "earlier_id"
  if (watermark === undefined || file >= watermark.file) return "unfolded"
  if (now - newestAt <= creditsLiveMs) return "young"
  if (!isOver && followers.some((position) => !hasPassed(position, segment))) return "follower"
  const standing = checkpoints.filter(
    ({ logs, foldedTo }) =>
      logs.some((mark) => mark.log === log && mark.watermark.file > file) && foldedTo - newestAt > creditsLiveMs,
  )
  return standing.length < CHECKPOINTS ? "checkpoint" : undefined
}

/** Whether a follower has taken all of a file. */
export function hasPassed(position: LogPosition | undefined, { file, bytes }: Segment): boolean {
  if (position === undefined) return false
  return position.file > file || (position.file === file && position.offset >= bytes)
}
