import { isAfter, type LogPosition } from "../domain/log-position.ts"
import type { Clock } from "../ports/clock.ts"
import type { LogCursor } from "../ports/log-cursor.ts"
import type { Logger } from "../ports/logger.ts"
import type { LinesRead, OutcomeReader } from "../ports/outcome-reader.ts"

export interface FollowerOptions {
  readonly reader: OutcomeReader
  readonly cursor: LogCursor
  readonly logger: Logger
  /** Takes lines in log order. What it has taken when the process ends before the cursor is saved comes again. */
  readonly take: (read: LinesRead) => Promise<void>
  /** For a follower that takes often: its cursor is saved no more often than this. Default: each time that it has taken something. */
  readonly saves?: { readonly everyMs: number; readonly clock: Clock }
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
  #unsaved = false
  #savedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  /** Up to where everything was taken, as far as this process knows; undefined: nothing yet. */
  get position(): LogPosition | undefined {
    return this.#position
  }

  /**
   * Hands over everything up to `until` that was not yet.
   *
   * @param until undefined: the end of the log
   * @returns whether there was anything
   * @throws what `take` throws, and GatewayError `log_unavailable` or `store_unavailable`: the next call begins where this one got to
   */
  async catchUp(until?: LogPosition): Promise<boolean> {
    await this.#load()
    await this.#saveIfDue()
    const { reader, take } = this.#options
    let taken = false
    for await (const read of reader.read(this.#position, until)) {
      await take(read)
      this.#position = read.end
      this.#unsaved = true
      taken = true
      await this.#saveIfDue()
    }
    return taken
  }

  /** Saves the cursor where it isn't yet. @throws GatewayError `store_unavailable` */
  async save(): Promise<void> {
    if (!this.#unsaved || this.#position === undefined) return
    const { cursor, saves } = this.#options
    // One that can't be saved now is tried again as rarely.
    if (saves !== undefined) this.#savedAtMs = saves.clock.monotonicMs()
    const position = this.#position
    await cursor.save(position)
    this.#unsaved = false
  }

  async #saveIfDue(): Promise<void> {
    const { saves } = this.#options
    if (saves === undefined || saves.clock.monotonicMs() - this.#savedAtMs >= saves.everyMs) await this.save()
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
