import { noStreamCounts, type StreamCounts } from "../../domain/stream-counts.ts"
import type { Clock } from "../../ports/clock.ts"
import type { Logger } from "../../ports/logger.ts"
import type { OutcomeStream } from "../../ports/outcome-stream.ts"
import { type ConnectionOptions, KinesisConnection } from "./connection.ts"
import { type PutAnswer, putRecords } from "./put-records.ts"
import { SendingPace } from "./sending-pace.ts"
import { callsOf, packLines, type StreamRecord } from "./stream-records.ts"

/** Calls under way at once: far more than a stream near by needs, enough for one far away. */
const CALLS_AT_ONCE = 4

export interface KinesisStreamOptions extends Pick<ConnectionOptions, "client" | "answerWithinMs"> {
  readonly stream: string
  readonly clock: Clock
  readonly logger: Logger
  /** In [0, 1). */
  readonly random: () => number
  /** @throws the signal's reason once it aborts */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

/** A Kinesis stream as the SDK's own variables say where it is and by whose credentials: `AWS_REGION`, `AWS_ENDPOINT_URL_KINESIS` and others. */
export class KinesisOutcomeStream implements OutcomeStream {
  readonly counts: StreamCounts = noStreamCounts()
  readonly #options: KinesisStreamOptions
  readonly #pace: SendingPace
  #connection: KinesisConnection | undefined
  #problem: string | undefined

  constructor(options: KinesisStreamOptions) {
    this.#options = options
    this.#pace = new SendingPace(options.random)
  }

  get problem(): string | undefined {
    return this.#problem
  }

  async send(lines: Uint8Array, signal: AbortSignal): Promise<void> {
    const { records, oversized, damaged } = packLines(lines)
    const calls = callsOf(records).values()
    const sendNext = async (): Promise<void> => {
      // All of them take from one iterator.
      for (const call of calls) await this.#sendAll(call, signal)
    }
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, sendNext))
    this.counts.damagedLines += damaged
    this.counts.oversizedEvents += oversized.length
    for (const event of oversized) {
      this.#options.logger.error(
        { event },
        "an event is larger than a record of the stream may be: it is in the log alone",
      )
    }
  }

  close(): void {
    this.#connection?.close()
    this.#connection = undefined
  }

  /** Sends what is left until nothing is. */
  async #sendAll(records: readonly StreamRecord[], signal: AbortSignal): Promise<void> {
    const { clock, sleep } = this.#options
    let left = records
    while (left.length > 0) {
      signal.throwIfAborted()
      let wait = this.#pace.reserve(left.length, clock.monotonicMs())
      while (wait > 0) {
        await sleep(wait, signal)
        wait = this.#pace.held(clock.monotonicMs())
      }
      const answer = await this.#put(left, signal)
      this.#learn(left, answer)
      left = answer.left
    }
  }

  async #put(records: readonly StreamRecord[], signal: AbortSignal): Promise<PutAnswer> {
    this.#connection ??= new KinesisConnection({ ...this.#options, connections: CALLS_AT_ONCE })
    const connection = this.#connection
    const answer = await putRecords(connection, this.#options.stream, records, signal)
    if (answer.unauthorized && this.#connection === connection) this.close()
    return answer
  }

  #learn(sent: readonly StreamRecord[], { left, accepted, throttled, problem }: PutAnswer): void {
    const now = this.#options.clock.monotonicMs()
    const { counts } = this
    counts.calls += 1
    counts.sentRecords += accepted
    counts.sentEvents += eventsIn(sent) - eventsIn(left)
    counts.retriedRecords += left.length
    if (left.length === 0) this.#pace.took(accepted, now)
    else if (throttled) this.#pace.throttled(accepted, now)
    else this.#pace.failed(now)
    if (throttled) counts.throttledCalls += 1
    if (accepted === 0 && sent.length > 0) counts.failedCalls += 1
    this.#say(throttled ? undefined : problem)
  }

  /** Says once that the stream fails, and once that it takes records again. */
  #say(problem: string | undefined): void {
    const { logger, stream } = this.#options
    if (problem !== undefined && this.#problem === undefined) {
      logger.warn({ stream, problem }, "the stream doesn't take outcomes now: they stay in the log and are sent later")
    } else if (problem === undefined && this.#problem !== undefined) {
      logger.info({ stream }, "the stream takes outcomes again")
    }
    this.#problem = problem
  }
}

function eventsIn(records: readonly StreamRecord[]): number {
  return records.reduce((sum, { events }) => sum + events, 0)
}
