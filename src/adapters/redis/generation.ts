import { isAfter, type LogId, type LogPosition } from "../../domain/log-position.ts"

/** How long counters that were lost are waited for: what nobody has folded again by then is missing. */
export const PARTIAL_FOR_MS = 300_000

/**
 * Which counters a gateway believes to be folding into, and how far each log stood in them. Counters with another mark are others: they were
 * lost, and are folded again from the logs.
 */
export class Generation {
  #mark: string | undefined
  #positions: ReadonlyMap<LogId, LogPosition> = new Map()
  /** Where logs stood in counters that were lost; undefined where none were. */
  #lost: ReadonlyMap<LogId, LogPosition> | undefined
  #lostAtMs = 0

  /** Undefined before this gateway has met any. */
  get mark(): string | undefined {
    return this.#mark
  }

  /** Takes counters for the experiment's. @returns whether others were lost that this gateway knew */
  adopt(mark: string | undefined, nowMs: number): boolean {
    if (mark === this.#mark) return false
    const isLoss = this.#mark !== undefined
    if (isLoss && this.#lost === undefined) {
      this.#lost = this.#positions
      this.#lostAtMs = nowMs
    }
    this.#mark = mark
    return isLoss
  }

  /** Learns where logs stand now. @returns the logs that have not come as far as they were in what was lost */
  missing(positions: ReadonlyMap<LogId, LogPosition>): readonly LogId[] {
    const missing = [...(this.#lost ?? [])].flatMap(([log, before]) => {
      const now = positions.get(log)
      return now === undefined || isAfter(before, now) ? [log] : []
    })
    if (missing.length === 0) this.forgetLoss(positions)
    return missing
  }

  /** Nothing is waited for any more. */
  forgetLoss(positions: ReadonlyMap<LogId, LogPosition>): void {
    this.#lost = undefined
    this.#positions = positions
  }

  /** The counters were reset on purpose: nothing of them is waited for here. */
  forget(): void {
    this.#mark = undefined
    this.forgetLoss(new Map())
  }

  get hasLost(): boolean {
    return this.#lost !== undefined
  }

  /** Whether what was lost has been waited for long enough. */
  hasWaited(nowMs: number): boolean {
    return nowMs - this.#lostAtMs > PARTIAL_FOR_MS
  }
}
