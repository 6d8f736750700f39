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

/** A checkpoint that can be read: which lines of which log its counters have. */
export interface Covered {
  readonly log: LogId
  /** Every line before this place. */
  readonly watermark: LogPosition
  /** Every line taken before this time, epoch milliseconds. */
  readonly foldedTo: number
}

export interface RetentionFacts {
  /** Ascending; the last is being written. */
  readonly segments: readonly Segment[]
  readonly bounds: RetentionBounds
  /** Epoch milliseconds. */
  readonly now: number
  /** How long credits of an outcome may matter: the life of a token and what clocks differ by. */
  readonly creditsLiveMs: number
  readonly log: LogId
  /** Before this place nobody knows whether all is folded: the log went by another id; undefined: with the first file. */
  readonly since: LogPosition | undefined
  /** Up to where the log is folded; undefined where nobody knows. */
  readonly watermark: LogPosition | undefined
  readonly checkpoints: readonly Covered[]
  /** Up to where each follower has taken the log; undefined: nothing yet. */
  readonly followers: readonly (LogPosition | undefined)[]
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
  /** Files to delete, oldest first. */
  readonly go: readonly Segment[]
  /** Undefined where nothing more is to be deleted. */
  readonly held: Held | undefined
}

/** So many checkpoints stand for a file that goes: one that is damaged loses nothing. */
const CHECKPOINTS = 2

/**
 * Which files of the log go: oldest first, up to the first that has to stay.
 *
 * A file goes because the log is larger than its bound or the file older. Only what is folded, whose credits matter no longer and what two
 * checkpoints stand for can go. A checkpoint stands for a file where everything that could repeat a reward of it was folded before, too: else
 * a `rebuild` would count the repetition. Followers hold files back until the log is larger than its bound.
 */
export function retentionOf(facts: RetentionFacts): Retention {
  const { segments, bounds, now } = facts
  let bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0)
  const go: Segment[] = []
  for (const segment of segments.slice(0, -1)) {
    const isOver = bounds.maxBytes !== undefined && bytes > bounds.maxBytes
    const isOld = bounds.maxAgeMs !== undefined && now - (segment.newestAt ?? now) > bounds.maxAgeMs
    if (!isOver && !isOld) break
    const held = heldBy(segment, facts, isOver)
    if (held !== undefined) return { go, held }
    go.push(segment)
    bytes -= segment.bytes
  }
  return { go, held: undefined }
}

function heldBy(segment: Segment, facts: RetentionFacts, isOver: boolean): Held | undefined {
  const { now, creditsLiveMs, log, since, watermark, checkpoints, followers } = facts
  const { file, newestAt = Number.NEGATIVE_INFINITY } = segment
  if (since !== undefined && (file < since.file || (file === since.file && since.offset > 0))) return "earlier_id"
  if (watermark === undefined || file >= watermark.file) return "unfolded"
  if (now - newestAt <= creditsLiveMs) return "young"
  if (!isOver && followers.some((position) => !hasPassed(position, segment))) return "follower"
  const standing = checkpoints.filter(
    (covered) => covered.log === log && covered.watermark.file > file && covered.foldedTo - newestAt > creditsLiveMs,
  )
  return standing.length < CHECKPOINTS ? "checkpoint" : undefined
}

/** Whether a follower has taken all of a file. */
export function hasPassed(position: LogPosition | undefined, { file, bytes }: Segment): boolean {
  if (position === undefined) return false
  return position.file > file || (position.file === file && position.offset >= bytes)
}
