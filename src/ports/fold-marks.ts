import type { LogId, LogPosition } from "../domain/log-position.ts"

/** What a data folder knows of how far its log has been folded. */
export interface FoldMarks {
  readonly log: LogId
  /** Up to here all experiments are folded. */
  readonly watermark: LogPosition
  /** Where each experiment's last fold ended, at or before the watermark or after it. */
  readonly positions: Readonly<Record<string, LogPosition>>
}

/**
 * Keeps the marks beside the log, so that a start reads from the watermark and not from where an idle experiment was last folded, and
 * notices a store that has fallen back. Marks that are old or gone make a start slower, never wrong.
 */
export interface FoldMarkStore {
  /** The marks last saved, undefined where there are none or they can't be read. */
  load(): Promise<FoldMarks | undefined>
  /** Never rejects: marks that can't be saved stay old. */
  save(marks: FoldMarks): Promise<void>
}
