import { isAfter, type LogPosition } from "../domain/log-position.ts"
import type { LogCursor } from "../ports/log-cursor.ts"
import type { Logger } from "../ports/logger.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"

export interface FollowerOptions {
  readonly reader: OutcomeReader
  readonly cursor: LogCursor
  readonly logger: Logger
  /** Takes lines in log order. What it has taken when the process ends before the cursor is saved comes again. */
  readonly take: (lines: readonly string[]) => Promise<void>
}

/**
 * Follows the outcome log with a saved cursor: every line at least once, in order, across restarts.
 *
 * Whoever wants outcomes elsewhere (a stream, an audit, a learner) is a follower: the log is the outbox, and a receiver that is away loses
 * nothing but time. Lines carry an `eventId` by which a receiver tells repetitions.
 */
export class LogFollower {
  readonly #options: FollowerOptions
  #position: LogPosition | undefined
  #loaded = false

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  /**
   * Hands over everything up to `until` that was not yet.
   *
   * @param until undefined: the end of the log
   * @returns how many lines
   * @throws what `take` throws, and GatewayError `log_unavailable` or `store_unavailable`: the next call begins where this one got to
   */
  async catchUp(until?: LogPosition): Promise<number> {
    await this.#load()
    const { reader, cursor, take } = this.#options
    let taken = 0
    for await (const { lines, end } of reader.read(this.#position, until)) {
      await take(lines)
      await cursor.save(end)
      this.#position = end
      taken += lines.length
    }
    return taken
  }

  async #load(): Promise<void> {
    if (this.#loaded) return
    const { reader, cursor, logger } = this.#options
    const position = await cursor.load()
    if (position !== undefined && isGone(position, await reader.begin())) {
      logger.warn(
        { position },
        "files of the log are gone: what was not taken of them is lost, and it goes on with the first that is there",
      )
      this.#position = position
    } else if (position !== undefined && !(await reader.reaches(position))) {
      logger.warn(
        { position },
        "the log doesn't have the place up to which it was followed: it is followed from its beginning",
      )
    } else this.#position = position
    this.#loaded = true
  }
}

/** Whether a place lies in a file that was deleted since. */
function isGone(position: LogPosition, begin: LogPosition | undefined): boolean {
  return begin !== undefined && isAfter(begin, position)
}
