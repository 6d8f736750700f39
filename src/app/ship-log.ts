import type { Clock } from "../ports/clock.ts"
import type { LogCursor } from "../ports/log-cursor.ts"
import type { LogSegments } from "../ports/log-segments.ts"
import type { Logger } from "../ports/logger.ts"
import type { LinesRead, OutcomeReader } from "../ports/outcome-reader.ts"
import type { OutcomeStream } from "../ports/outcome-stream.ts"
import { LogFollower } from "./follow-log.ts"

/** One of a folder's logs, and how far the stream has it. */
export interface ShippedLog {
  /** Its lines go to the stream as it gives them: each says which line of the log it is. */
  readonly reader: OutcomeReader
  readonly segments: LogSegments
  readonly cursor: LogCursor
}

export interface LogShipperOptions {
  readonly logs: readonly ShippedLog[]
  readonly stream: OutcomeStream
  readonly clock: Clock
  readonly logger: Logger
  /** @throws the signal's reason once it aborts */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

/** What is not sent yet. */
export interface Backlog {
  readonly bytes: number
  /** About so many: bytes by the mean size of an event. */
  readonly events: number
  /** When the oldest outcome was taken that is being sent, epoch milliseconds; undefined where all are sent. */
  readonly since: number | undefined
}

/**
 * Lines that come within this time are sent together: a call costs as much as some hundred records. A second's lines at once would keep a core for
 * so long that predictions wait for it. Milliseconds.
 */
const LOOK_EVERY = 250
const SAVE_EVERY = 1_000
/** Before any event was seen. */
const ASSUMED_EVENT_BYTES = 800
const AT = /"at":"([^"]{20,30})"/
/** `at` stands near the beginning of a line. */
const HEAD_BYTES = 512

/**
 * Sends a folder's logs to a stream as they grow: each outcome at least once, whatever is killed meanwhile. Its cursor keeps the log's files
 * until the stream has them.
 */
export class LogShipper {
  readonly #options: LogShipperOptions
  readonly #followers: readonly { readonly log: ShippedLog; readonly follower: LogFollower }[]
  readonly #stopping = new AbortController()
  readonly #aborting = new AbortController()
  readonly #read = { bytes: 0, events: 0 }
  #since: number | undefined
  #running: Promise<void> | undefined
  #failure: string | undefined
  /** Between two attempts to save the cursor there is none to fail. */
  #cursorFailure: string | undefined
  #told: string | undefined

  constructor(options: LogShipperOptions) {
    this.#options = options
    this.#followers = options.logs.map((log) => ({ log, follower: this.#follow(log) }))
  }

  /** Why nothing is sent now: the stream refuses it, or the log or its cursor fails. */
  get problem(): string | undefined {
    return this.#options.stream.problem ?? this.#failure ?? this.#cursorFailure
  }

  /** Runs until it is stopped. Never rejects: what fails is logged and tried again. */
  run(): Promise<void> {
    this.#running ??= this.#run()
    return this.#running
  }

  /** Sends what is there now and saves the cursor, for at most `withinMs`. What is left stays in the log, for the next start. */
  async stop(withinMs: number): Promise<void> {
    this.#stopping.abort()
    const timer = setTimeout(() => this.#aborting.abort(), withinMs)
    await this.#running
    clearTimeout(timer)
  }

  /** @throws GatewayError `log_unavailable` */
  async backlog(): Promise<Backlog> {
    const sizes = this.#followers.map(({ log, follower }) => log.segments.bytesAfter(follower.position))
    const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
    const { bytes: read, events } = this.#read
    const eventBytes = events === 0 ? ASSUMED_EVENT_BYTES : read / events
    return { bytes, events: Math.round(bytes / eventBytes), since: this.#since }
  }

  async #run(): Promise<void> {
    const { sleep } = this.#options
    while (!this.#stopping.signal.aborted) {
      await this.#sendAll()
      await sleep(LOOK_EVERY, this.#stopping.signal).catch(() => {})
    }
    await this.#sendAll()
    for (const { follower } of this.#followers) await this.#attempt(() => follower.save())
  }

  /** One log after the other, each up to where it ends now: one that grows without end holds no other back. */
  async #sendAll(): Promise<void> {
    for (const { log, follower } of this.#followers) {
      await this.#attempt(async () => {
        await this.#holdFiles(log)
        const end = await log.reader.end()
        if (end !== undefined) await follower.catchUp(end)
      })
    }
    this.#since = undefined
  }

  /** A log that nobody has sent anything of is kept from its beginning. */
  async #holdFiles({ cursor, reader }: ShippedLog): Promise<void> {
    if ((await cursor.load()) !== undefined) return
    const begin = await reader.begin()
    if (begin !== undefined) await cursor.save(begin)
  }

  #follow({ reader, segments, cursor }: ShippedLog): LogFollower {
    const { stream, clock, logger } = this.#options
    return new LogFollower({
      reader,
      logger,
      take: async (read) => {
        // What a power failure may take from the log again is in no stream: another line would come to its place. Nor does the cursor pass it.
        await segments.sync(read.end.file)
        this.#since ??= timeOf(read)
        const { sentEvents } = stream.counts
        await stream.send(read.bytes, this.#aborting.signal)
        this.#read.bytes += read.bytes.length
        this.#read.events += stream.counts.sentEvents - sentEvents
        this.#since = undefined
      },
      cursor: {
        load: () => cursor.load(),
        save: async (position) => {
          try {
            await cursor.save(position)
            this.#cursorFailure = undefined
            this.#told = undefined
          } catch (error) {
            this.#cursorFailure = messageOf(error)
            throw error
          }
        },
      },
      saves: { everyMs: SAVE_EVERY, clock },
    })
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work()
      this.#failure = undefined
    } catch (error) {
      if (!this.#aborting.signal.aborted) this.#failure = this.#tell(error)
    }
  }

  /** Says what fails, once until it no longer does. @returns why */
  #tell(error: unknown): string {
    const message = messageOf(error)
    if (message !== this.#told) {
      const { logger } = this.#options
      logger.error({ err: error }, "outcomes can't be sent to the stream now: their log or its cursor fails")
      this.#told = message
    }
    return message
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** When the first outcome of some lines was taken, epoch milliseconds. */
function timeOf({ bytes }: LinesRead): number | undefined {
  const time = Date.parse(AT.exec(new TextDecoder().decode(bytes.subarray(0, HEAD_BYTES)))?.[1] ?? "")
  return Number.isNaN(time) ? undefined : time
}
