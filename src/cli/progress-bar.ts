import type { Output } from "./command.ts"
import { widthOf } from "./wrapped.ts"

const QUIET_MS = 2_000
const TERMINAL_EVERY_MS = 100
const LINE_EVERY_MS = 10_000
const CELLS = 30

/** Says how far long work has come, once it has taken two seconds: a bar on a terminal, a line every ten seconds elsewhere. */
export class ProgressBar {
  private readonly output: Output
  private readonly monotonicMs: () => number
  private readonly startedAt: number
  private saidAt: number
  private shown = false

  constructor(output: Output, monotonicMs: () => number) {
    this.output = output
    this.monotonicMs = monotonicMs
    this.startedAt = monotonicMs()
    this.saidAt = this.startedAt
  }

  /** @param share done, in [0, 1] */
  update(share: number, what: string): void {
    const now = this.monotonicMs()
    const elapsed = now - this.startedAt
    const every = this.output.isTTY === true ? TERMINAL_EVERY_MS : LINE_EVERY_MS
    if (elapsed < QUIET_MS || (this.shown && now - this.saidAt < every)) return
    this.shown = true
    this.saidAt = now
    const left = share > 0 ? `${duration((elapsed * (1 - share)) / share)} left` : ""
    const text = `${(100 * share).toFixed(0).padStart(3)} %  ${what}  ${left}`
    if (this.output.isTTY === true) {
      const filled = Math.round(share * CELLS)
      const bar = `${"█".repeat(filled)}${"░".repeat(CELLS - filled)} ${text}`
      // A bar that wraps would be two lines, of which the next one covers the second only.
      this.output.write(`\r${bar.slice(0, widthOf(this.output) - 1)}\u001b[K`)
    } else this.output.write(`${text}\n`)
  }

  /** Takes the bar off the terminal. */
  finish(): void {
    if (this.shown && this.output.isTTY === true) this.output.write("\r\u001b[K")
  }
}

function duration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000)
  return seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`
}
