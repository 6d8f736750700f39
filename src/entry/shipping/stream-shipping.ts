import { existsSync } from "node:fs"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { within } from "../../app/within.ts"
import { addStreamCounts, noStreamCounts } from "../../domain/stream-counts.ts"
import type { Readings } from "../../http/gauges.ts"
import type { PartState } from "../../http/routes/health.ts"
import type { Clock } from "../../ports/clock.ts"
import type { Logger } from "../../ports/logger.ts"
import { machineClock } from "../machine-clock.ts"
import type { Start } from "../start.ts"
import { Calls } from "../threads/calls.ts"
import type { GatewayFunctions, ShippingFunctions, ShippingSettings, ShippingState } from "./functions.ts"

export interface StreamShippingOptions extends ShippingSettings {
  /** How long a stop may send what is left, milliseconds. */
  readonly drainMs: number
  readonly clock: Clock
  readonly logger: Logger & { take(line: string): void }
}

const START_AGAIN_AFTER_MS = 1_000
/** A thread that hangs is ended so long after it should have drained. */
const END_AFTER_MS = 1_000
/** Its heap: it holds some chunks of the log and the calls made of them. */
const HEAP_MB = 128

const NOTHING_YET: ShippingState = {
  counts: noStreamCounts(),
  problem: undefined,
  backlog: { bytes: 0, events: 0, since: undefined },
}

/** The thread for the stream that the settings name, not started yet; undefined where they name none. */
export function shippingOf({
  config,
  dataDir,
  logger,
}: Pick<Start, "config" | "dataDir" | "logger">): StreamShipping | undefined {
  const { kinesisStream: stream, kinesisDrainSeconds, logLevel } = config
  if (stream === undefined) {
    const cursor = join(dataDir, "cursors", "kinesis.json")
    if (existsSync(cursor)) {
      logger.warn(
        { cursor },
        "KINESIS_STREAM is not set and a stream's cursor holds the log back: remove it where none is wanted",
      )
    }
    return undefined
  }
  return new StreamShipping({
    stream,
    dataDir,
    logLevel,
    drainMs: kinesisDrainSeconds * 1000,
    clock: machineClock,
    logger,
  })
}

/** The thread that sends the outcome logs to the stream, as the gateway has it. One for the process, however many threads serve. */
export class StreamShipping {
  readonly #options: StreamShippingOptions
  #state = NOTHING_YET
  /** Counts of threads that have ended. */
  #before = NOTHING_YET.counts
  #worker: Worker | undefined
  #calls: Calls<ShippingFunctions> | undefined
  #again: NodeJS.Timeout | undefined
  #stopping = false

  constructor(options: StreamShippingOptions) {
    this.#options = options
  }

  /** After the logs were opened. Waits for nothing: a stream that can't be reached is no reason not to serve. */
  start(): void {
    const { dataDir, stream, logLevel, logger } = this.#options
    const settings: ShippingSettings = { dataDir, stream, logLevel }
    const worker = new Worker(new URL("./shipping-thread.ts", import.meta.url), {
      workerData: settings,
      name: "shipping",
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    })
    const functions: GatewayFunctions = {
      tell: (state) => {
        this.#state = state
      },
      say: (line) => logger.take(line),
    }
    const calls = new Calls<ShippingFunctions>(worker, functions)
    worker.on("message", (message) => calls.receive(message))
    worker.on("error", (error) => this.#ended(calls, error))
    worker.on("exit", () => this.#ended(calls, undefined))
    this.#worker = worker
    this.#calls = calls
  }

  get part(): PartState {
    const { problem, backlog } = this.#state
    const waiting = `about ${backlog.events} events wait`
    return {
      ready: problem === undefined,
      required: false,
      detail: problem === undefined ? waiting : `${waiting}: ${problem}`,
    }
  }

  get readings(): Readings {
    const count = (name: keyof ShippingState["counts"]) => () => this.#before[name] + this.#state.counts[name]
    return {
      bandit_stream_backlog_bytes: {
        help: "Bytes of outcomes that the stream doesn't have yet",
        read: () => this.#state.backlog.bytes,
      },
      bandit_stream_backlog_events: {
        help: "About how many outcomes those are, by their mean size",
        read: () => this.#state.backlog.events,
      },
      bandit_stream_lag_seconds: {
        help: "Age of the oldest outcome that is being sent; 0 where the stream has all",
        read: () => this.#lagSeconds(),
      },
      bandit_stream_failing: {
        help: "1 while the stream takes no outcomes; /readyz says why",
        read: () => Number(this.#state.problem !== undefined),
      },
      bandit_stream_events_sent: { help: "Outcomes that the stream has taken", read: count("sentEvents") },
      bandit_stream_records_sent: { help: "Records that those were in", read: count("sentRecords") },
      bandit_stream_records_retried: {
        help: "Records sent again, since the stream refused them or its answer never came",
        read: count("retriedRecords"),
      },
      bandit_stream_calls: { help: "Calls to the stream", read: count("calls") },
      bandit_stream_calls_failed: { help: "Calls of which the stream took nothing", read: count("failedCalls") },
      bandit_stream_calls_throttled: {
        help: "Calls in which the stream refused something because there was too much",
        read: count("throttledCalls"),
      },
      bandit_stream_events_oversized: {
        help: "Outcomes that are larger than a record of the stream may be: they are in the log alone",
        read: count("oversizedEvents"),
      },
      bandit_stream_lines_damaged: {
        help: "Lines of the log that are no whole event and were not sent",
        read: count("damagedLines"),
      },
    }
  }

  /** Sends what is left, for as long as a stop may take it, and ends the thread. After the last line was written. */
  async stop(): Promise<void> {
    this.#stopping = true
    const { drainMs } = this.#options
    const drained = this.#calls?.call("drain", drainMs)
    if (drained !== undefined) await within(Promise.allSettled([drained]), drainMs + END_AFTER_MS)
    const { events } = this.#state.backlog
    if (events > 0)
      this.#options.logger.warn({ events }, "the stream doesn't have all outcomes yet: the next start sends them")
    await this.end()
  }

  /** Ends the thread, whatever it is doing. */
  async end(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#again)
    await this.#worker?.terminate()
  }

  #ended(calls: Calls<ShippingFunctions>, error: unknown): void {
    calls.fail("the shipping thread has ended")
    if (this.#stopping || this.#calls !== calls) return
    this.#calls = undefined
    const { logger } = this.#options
    logger.error({ err: error }, "the thread that sends outcomes to the stream has ended: it is started again")
    this.#before = addStreamCounts(this.#before, this.#state.counts)
    this.#state = { ...this.#state, counts: NOTHING_YET.counts, problem: "the shipping thread has ended" }
    this.#again = setTimeout(() => this.start(), START_AGAIN_AFTER_MS)
  }

  #lagSeconds(): number {
    const { since } = this.#state.backlog
    return since === undefined ? 0 : Math.max(0, (this.#options.clock.now() - since) / 1000)
  }
}
