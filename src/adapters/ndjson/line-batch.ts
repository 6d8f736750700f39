import type { LogEnd, LogWrite } from "../../ports/outcome-log.ts"

/** Lines that are written together, and the two promises that everyone who appended shares. */
export class LineBatch implements LogWrite {
  readonly lines: string[] = []
  /** In UTF-16 units, near enough to bytes for a bound. */
  size = 0
  readonly written: Promise<LogEnd | undefined>
  readonly answered: Promise<boolean>
  /** Whether `answered` gave up before the write settled. */
  late = false
  readonly #settleWritten: (end: LogEnd | undefined) => void
  readonly #settleAnswered: (written: boolean) => void
  #settled = false
  #timer: NodeJS.Timeout | undefined

  constructor() {
    const written = Promise.withResolvers<LogEnd | undefined>()
    const answered = Promise.withResolvers<boolean>()
    this.written = written.promise
    this.answered = answered.promise
    this.#settleWritten = written.resolve
    this.#settleAnswered = answered.resolve
  }

  /** From now on its answers wait at most so long. */
  waitAtMost(answerWithinMs: number): void {
    // After a stall of this process timers run before the write's completion is seen: look once more.
    this.#timer ??= setTimeout(() => setImmediate(() => this.#giveUp()), answerWithinMs)
  }

  add(line: string): void {
    this.lines.push(line)
    this.size += line.length + 1
  }

  #giveUp(): void {
    if (this.#settled) return
    this.late = true
    this.#settleAnswered(false)
  }

  settle(end: LogEnd | undefined): void {
    this.#settled = true
    clearTimeout(this.#timer)
    this.#settleWritten(end)
    this.#settleAnswered(end !== undefined)
  }
}

/** What an append that is refused at once gets. */
export const DROPPED: LogWrite = { written: Promise.resolve(undefined), answered: Promise.resolve(false) }
