import type { LogEntry } from "../../ports/outcome-log.ts"

/** Lines of one event-loop turn, and the two promises that everyone who appended shares. */
export class LineBatch {
  readonly lines: string[] = []
  readonly entries: LogEntry[] = []
  /** In UTF-16 units, near enough to bytes for a bound. */
  size = 0
  /** True when the lines were written, false when they were dropped. */
  readonly written: Promise<boolean>
  /** The same, but false once the batch has waited longer than the bound. */
  readonly answered: Promise<boolean>
  /** Whether `answered` gave up before the write settled. */
  late = false
  readonly #settleWritten: (written: boolean) => void
  readonly #settleAnswered: (written: boolean) => void
  #settled = false
  readonly #timer: NodeJS.Timeout

  constructor(answerWithinMs: number) {
    const written = Promise.withResolvers<boolean>()
    const answered = Promise.withResolvers<boolean>()
    this.written = written.promise
    this.answered = answered.promise
    this.#settleWritten = written.resolve
    this.#settleAnswered = answered.resolve
    // After a stall of this process timers run before the write's completion is seen: look once more.
    this.#timer = setTimeout(() => setImmediate(() => this.#giveUp()), answerWithinMs)
  }

  add(line: string, entry: LogEntry): void {
    this.lines.push(line)
    this.entries.push(entry)
    this.size += line.length + 1
  }

  #giveUp(): void {
    if (this.#settled) return
    this.late = true
    this.#settleAnswered(false)
  }

  settle(written: boolean): void {
    this.#settled = true
    clearTimeout(this.#timer)
    this.#settleWritten(written)
    this.#settleAnswered(written)
  }
}
