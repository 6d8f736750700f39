import type { Output } from "../command.ts"
import { widthOf } from "../wrapped.ts"
import { frame, line, type Moment } from "./screen.ts"

const LINE_EVERY_SECONDS = 5

/** Shows moments as they come: drawn over each other on a terminal, elsewhere a line every few seconds. */
export class LiveScreen {
  readonly #output: Output
  #drawnLines = 0
  #nextLineAtSeconds = 0

  constructor(output: Output) {
    this.#output = output
  }

  show(moment: Moment): void {
    if (this.#output.isTTY === true) {
      // A line that wraps would be two to the cursor, and the next picture would not cover this one.
      const columns = widthOf(this.#output)
      const lines = frame(moment).map((text) => text.slice(0, columns))
      const up = this.#drawnLines === 0 ? "" : `\x1b[${this.#drawnLines}A`
      this.#output.write(up + lines.map((text) => `\x1b[2K${text}\n`).join(""))
      this.#drawnLines = lines.length
    } else if (moment.elapsedSeconds >= this.#nextLineAtSeconds) {
      this.#output.write(`${line(moment)}\n`)
      this.#nextLineAtSeconds = moment.elapsedSeconds + LINE_EVERY_SECONDS
    }
  }
}
