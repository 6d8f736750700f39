import { GatewayError } from "../domain/errors.ts"
import type { ExperimentEvent, RewardEvent } from "../domain/events.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore, RewardAnswer } from "../ports/counter-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { LogEntry, OutcomeLog } from "../ports/outcome-log.ts"
import { type FoldCounts, FoldLoop } from "./fold-loop.ts"
import { TIMED_OUT, within } from "./within.ts"

/** `accepted`: durable in the log, and counted as soon as the store answers again. */
export type RewardOutcome = RewardAnswer | "accepted"

/** What the recorder has done since it was made, for metrics. */
export type RecorderCounts = FoldCounts

/** Writes outcomes to the log and folds what was written into the counters. */
export interface Recorder {
  readonly counts: Readonly<RecorderCounts>
  /** @returns whether the decision's line has reached the operating system; see `OutcomeLog.append`. Never rejects. */
  recordDecision(line: string, entry: LogEntry): Promise<boolean>
  /**
   * Logs rewards, makes them durable and counts each once, whatever is repeated within a call, between calls or after a restart.
   *
   * @returns one answer per event, in order; each of them is durable
   * @throws GatewayError `log_unavailable` or `store_unavailable` (too many wait already), retryable: some may have been recorded, and their
   *         retry is a duplicate
   */
  recordRewards(events: readonly RewardEvent[]): Promise<readonly RewardOutcome[]>
  /** Durable when it settles. @throws GatewayError `log_unavailable` */
  recordExperiment(event: ExperimentEvent): Promise<void>
  /** Folds everything that was written so far. @throws GatewayError `store_unavailable` */
  flush(): Promise<void>
  /** Syncs and folds what is left, then closes log and store. What the store doesn't take is folded by the next start. */
  close(): Promise<void>
}

export interface RecorderOptions {
  readonly log: OutcomeLog
  readonly store: CounterStore
  readonly clock: Clock
  readonly logger: Logger
  /** How long decisions gather before they are folded. Default 200. */
  readonly foldEveryMs?: number
  /** How long a reward waits for the log, and then for the store. Default 1,000. */
  readonly answerWithinMs?: number
  /** Rewards on their way beyond which new ones are refused. Default 50,000. */
  readonly maxPendingRewards?: number
  /** How long closing waits for a log and a store that hang. Default 5,000. */
  readonly closeWithinMs?: number
}

/** One postback on its way. Neither promise rejects. */
interface Flight {
  readonly event: RewardEvent
  /** Whether its line, or that of the postback it repeats, has been written. */
  readonly logged: Promise<boolean>
  /** Stays open while the store doesn't answer. */
  readonly folded: Promise<RewardAnswer>
}

/** The log's one listener from now on is the recorder. */
export function createRecorder(options: RecorderOptions): Recorder {
  const {
    log,
    store,
    clock,
    logger,
    answerWithinMs = 1_000,
    maxPendingRewards = 50_000,
    closeWithinMs = 5_000,
  } = options
  const loop = new FoldLoop(store, clock, logger, options.foldEveryMs ?? 200)
  log.onAppended((batch) => loop.add(batch))
  /** By postback: what is repeated meanwhile shares the fate of the first. */
  const inFlight = new Map<string, Flight>()

  async function recordRewards(events: readonly RewardEvent[]): Promise<readonly RewardOutcome[]> {
    if (inFlight.size + events.length > maxPendingRewards) {
      throw new GatewayError("store_unavailable", { detail: "too many rewards wait to be counted" })
    }
    const boarded = board(events)

    const logged = await within(Promise.all(boarded.map(({ flight }) => flight.logged)), answerWithinMs)
    if (logged === TIMED_OUT || logged.includes(false)) {
      throw new GatewayError("log_unavailable", { detail: "the outcome log doesn't take rewards now" })
    }
    const folded = within(Promise.all(boarded.map(({ flight }) => flight.folded)), answerWithinMs)
    // A duplicate waits as well: the line that it repeats may not be durable yet.
    if ((await within(log.sync(), answerWithinMs)) === TIMED_OUT) {
      throw new GatewayError("log_unavailable", { detail: "the outcome log doesn't become durable now" })
    }
    await folded
    return await Promise.all(
      boarded.map(async ({ flight, first }) => {
        const answer = await Promise.race([flight.folded, Promise.resolve("accepted" as const)])
        return answer === "accepted" || first ? answer : "duplicate"
      }),
    )
  }

  /** Finds or starts the flight of each event. Synchronous up to the registration, so that no two calls start the same one. */
  function board(events: readonly RewardEvent[]): { readonly flight: Flight; readonly first: boolean }[] {
    const departures: Departure[] = []
    const boarded = events.map((event) => {
      const name = postbackName(event)
      const known = inFlight.get(name)
      if (known !== undefined) return { flight: known, first: false }
      const departure = depart(name, event)
      departures.push(departure)
      inFlight.set(name, departure.flight)
      return { flight: departure.flight, first: true }
    })
    if (departures.length > 0) void send(departures)
    return boarded
  }

  /** Logs what the store hasn't seen. */
  async function send(departures: readonly Departure[]): Promise<void> {
    const seen = await askSeen(departures.map(({ flight }) => flight.event))
    await Promise.all(
      departures.map(async (departure, index) => {
        const { event } = departure.flight
        if (seen[index] === true) {
          departure.arrive("duplicate")
          departure.setLogged(true)
          return
        }
        const answer = loop.answerTo(event)
        const written = await log.append(JSON.stringify(event), { kind: "reward", event })
        if (written) void answer.then(departure.arrive)
        else {
          loop.forget(event)
          inFlight.delete(departure.name)
        }
        departure.setLogged(written)
      }),
    )
  }

  /** A store that doesn't answer has seen nothing: the fold finds the duplicate. */
  async function askSeen(events: readonly RewardEvent[]): Promise<readonly boolean[]> {
    try {
      const seen = await within(store.seen(events), answerWithinMs / 4)
      return seen === TIMED_OUT ? [] : seen
    } catch (error) {
      logger.warn({ err: error }, "counters can't be asked for duplicates")
      return []
    }
  }

  function depart(name: string, event: RewardEvent): Departure {
    const logged = Promise.withResolvers<boolean>()
    const folded = Promise.withResolvers<RewardAnswer>()
    return {
      name,
      flight: { event, logged: logged.promise, folded: folded.promise },
      setLogged: logged.resolve,
      arrive: (answer) => {
        inFlight.delete(name)
        folded.resolve(answer)
      },
    }
  }

  return {
    counts: loop.counts,
    recordDecision: (line, entry) => log.append(line, entry),
    recordRewards,
    recordExperiment: async (event) => {
      const written = await log.append(JSON.stringify(event), { kind: "experiment" })
      if (!written) throw new GatewayError("log_unavailable", { detail: "the outcome log doesn't take the change now" })
      await log.sync()
    },
    flush: () => loop.flush(),
    close: async () => {
      const done = await within(finish(), closeWithinMs)
      if (done !== "done")
        logger.error({ why: String(done) }, "closing with outcomes that are not synced or not counted")
      loop.stop()
      await within(Promise.allSettled([log.close(), store.close()]), closeWithinMs)
    },
  }

  async function finish(): Promise<unknown> {
    try {
      await log.sync()
      await loop.flush()
      return "done"
    } catch (error) {
      return error
    }
  }
}

interface Departure {
  readonly name: string
  readonly flight: Flight
  readonly setLogged: (written: boolean) => void
  readonly arrive: (answer: RewardAnswer) => void
}

/** Under `first` every postback of a decision and metric is the same one. */
function postbackName(event: RewardEvent): string {
  const credit = `${event.decisionId}\n${event.metric}`
  return event.aggregation === "first" ? credit : `${credit}\n${event.eventId}`
}
