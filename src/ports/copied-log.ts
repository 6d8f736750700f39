import type { LogId, LogPosition } from "../domain/log-position.ts"
import type { LinePlace } from "../domain/placed-line.ts"
import type { OutcomeReader } from "./outcome-reader.ts"

/** Lines of a log with nothing missing between them. */
export interface LogRun {
  /** Where the event before the first of them ends; undefined: there is none, the log begins here. */
  readonly begin: LinePlace | undefined
  readonly end: LogPosition
  /** Reads these lines alone. It reaches only places between two of them. */
  readonly reader: OutcomeReader
}

/** What copies of its lines have of one log, whose folder may be gone. */
export interface CopiedLog {
  readonly id: LogId
  /** In log order, with something missing between each two. */
  readonly runs: readonly LogRun[]
  /** Experiments that it has decisions or rewards of. */
  readonly experiments: ReadonlySet<string>
  /** Where copies have different lines; undefined: nowhere. */
  readonly contradiction: LinePlace | undefined
}
