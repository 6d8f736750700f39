import type { DecisionFacts } from "../domain/decision-facts.ts"
import { entryOf } from "../domain/entry-of.ts"
import { GatewayError } from "../domain/errors.ts"
import type { AuditEvent, ExperimentEvent, RewardEvent } from "../domain/events.ts"
import type { LogPosition } from "../domain/log-position.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore, RewardAnswer } from "../ports/counter-store.ts"
import type { FoldMarkStore } from "../ports/fold-marks.ts"
import type { Logger } from "../ports/logger.ts"
import type { LogWrite, OutcomeLog } from "../ports/outcome-log.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import type { FoldCounts } from "./experiment-fold.ts"
import { FoldLoop } from "./fold-loop.ts"
import { PendingReward, RewardTurn } from "./reward-turn.ts"
import { RewardedDecisions } from "./rewarded-decisions.ts"
import { UnsyncedEntries } from "./unsynced-entries.ts"
import { TIMED_OUT, within } from "./within.ts"

/** More rewards than this are sent in parts: the store works on the first while the next are put together. */
const MOST_TOGETHER = 256

/** `accepted`: durable in the log, and counted as soon as the store answers again. */
export type RewardOutcome = RewardAnswer | "accepted"

/** What the recorder has done since it was made, for metrics. */
export interface RecorderCounts extends FoldCounts {
  /** Whether the last try to fold any experiment failed: what is written waits in memory and in the log. */
  readonly storeFails: boolean
  /** Rewards in memory that are not counted yet. */
  readonly waitingRewards: number
}

/** Writes outcomes to the log and folds what is durable there into the counters. */
export interface Recorder {
  readonly counts: Readonly<RecorderCounts>
  /** @returns whether the decision's line has reached the operating system; see `LogWrite.answered`. Never rejects. */
  recordDecision(line: string, facts: DecisionFacts): Promise<boolean>
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
  /** The same, of how far the audit trail reaches. */
  recordAudit(event: AuditEvent): Promise<void>
  /** Syncs, and folds everything that was written so far. @throws GatewayError `log_unavailable`, `store_unavailable` */
  flush(): Promise<void>
  /** Syncs and folds what is left, then closes log and store. What the store doesn't take is folded by the next start. */
  close(): Promise<void>
}

export interface RecorderOptions {
  readonly log: OutcomeLog
  readonly store: CounterStore
  readonly clock: Clock
  readonly logger: Logger
  /** Reads the log again where the store has fallen behind it. */
  readonly reader?: OutcomeReader
  readonly marks?: FoldMarkStore
  /** Where the store stands, by experiment: what `recover` found, which may come later. Default: nowhere. */
  readonly positions?: ReadonlyMap<string, LogPosition>
  /** Where the lines of earlier starts end as long as `recover` has not folded them all. Default: there are none. */
  readonly unfoldedTo?: () => LogPosition | undefined
  /** How long decisions gather before they are folded. Default 200. */
  readonly foldEveryMs?: number
  /** How long a reward waits for the log, and then for the store. Default 1,000. */
  readonly answerWithinMs?: number
  /**
   * Rewards on their way beyond which new ones are refused. Default 50,000. Where there is a reader, those that wait for the store are a fifth
   * of it: others wait in the log alone.
   */
  readonly maxPendingRewards?: number
  /**
   * Runs something at the end of this turn of the event loop: rewards that come until then go to the store and the log together. Default: right
   * after the call, each for itself.
   */
  readonly atTurnEnd?: (run: () => void) => void
  /** Where a reward is durable when it is answered. Under `store` none is `accepted`: what the store hasn't counted is refused. Default `log`. */
  readonly durability?: "log" | "store"
  /** How long closing waits for a log and a store that hang. Default 5,000. */
  readonly closeWithinMs?: number
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
    durability = "log",
    atTurnEnd = queueMicrotask,
  } = options
  const loop = new FoldLoop({
    log,
    store,
    clock,
    logger,
    reader: options.reader,
    marks: options.marks,
    foldEveryMs: options.foldEveryMs ?? 200,
    maxWaitingRewards: maxPendingRewards / 5,
    positions: options.positions ?? new Map(),
    unfoldedTo: options.unfoldedTo ?? (() => undefined),
  })
  const unsynced = new UnsyncedEntries((entries, place) => loop.add(entries, place))
  log.onSynced((end) => unsynced.synced({ end, heardAt: clock.now() }))
  /** By postback: what is repeated meanwhile shares the fate of the first. */
  const pendingRewards = new Map<string, PendingReward>()
  const rewarded = new RewardedDecisions(clock.now())
  /** Takes the rewards that come now. */
  let turnOpen: RewardTurn | undefined

  async function recordRewards(events: readonly RewardEvent[]): Promise<readonly RewardOutcome[]> {
    if (pendingRewards.size + events.length > maxPendingRewards) {
      throw new GatewayError("store_unavailable", { detail: "too many rewards wait to be counted" })
    }
    if (durability === "store" && loop.storeFails) throw notCounted()
    const waiting = join(events)
    const turns = new Set(waiting.map(({ pending }) => pending.turn))
    // A duplicate waits as well: the line that it repeats may not be durable yet.
    const durable = await Promise.all(Array.from(turns, (turn) => turn.durable()))
    if (durable.includes("not written") || waiting.some(({ pending }) => !pending.written)) {
      throw new GatewayError("log_unavailable", { detail: "the outcome log doesn't take rewards now" })
    }
    if (durable.includes("not synced")) {
      throw new GatewayError("log_unavailable", { detail: "the outcome log doesn't become durable now" })
    }
    await Promise.all(Array.from(new Set(waiting.map(({ pending }) => pending.part)), (part) => part.settled()))
    if (durability === "store") {
      if (waiting.some(({ pending }) => pending.answer === undefined)) throw notCounted()
      await untilSynced(new Set(waiting.map(({ pending }) => pending.event.experiment)))
    }
    return waiting.map(({ pending: { answer }, first }) => {
      if (answer === undefined) return "accepted"
      return first ? answer : "duplicate"
    })
  }

  /** A duplicate waits as well: what it repeats may not be on the store's disk yet. */
  async function untilSynced(experiments: ReadonlySet<string>): Promise<void> {
    try {
      await Promise.all(Array.from(experiments, async (experiment) => await store.synced?.(experiment)))
    } catch (cause) {
      throw new GatewayError("store_unavailable", {
        detail: "rewards can't be made durable now: send them again",
        cause,
      })
    }
  }

  /** Finds or starts the pending reward of each event. Synchronous up to the registration, so that no two calls start the same one. */
  function join(events: readonly RewardEvent[]): { readonly pending: PendingReward; readonly first: boolean }[] {
    return events.map((event) => {
      const name = postbackName(event)
      const known = pendingRewards.get(name)
      if (known !== undefined) return { pending: known, first: false }
      const pending = new PendingReward(name, event, openTurn())
      pendingRewards.set(name, pending)
      return { pending, first: true }
    })
  }

  function openTurn(): RewardTurn {
    if (turnOpen === undefined || turnOpen.rewards.length >= MOST_TOGETHER) {
      const turn = new RewardTurn(
        answerWithinMs,
        () => log.sync(),
        ({ name }) => pendingRewards.delete(name),
      )
      turnOpen = turn
      atTurnEnd(() => {
        if (turnOpen === turn) turnOpen = undefined
        void send(turn)
      })
    }
    return turnOpen
  }

  /** Logs what the store hasn't seen. */
  async function send(turn: RewardTurn): Promise<void> {
    const known = await duplicatesOf(turn.rewards)
    const writes = new Map<LogWrite, PendingReward[]>()
    for (const pending of turn.rewards) {
      if (known.has(pending)) {
        pending.written = true
        pending.answered("duplicate")
        continue
      }
      const write = log.append(JSON.stringify(pending.event))
      unsynced.add(write, pending)
      entryOf(writes, write, (): PendingReward[] => []).push(pending)
    }
    for (const [write, rewards] of writes) {
      const written = (await write.written) !== undefined
      for (const pending of rewards) {
        pending.written = written
        if (!written) pending.settle()
      }
    }
    turn.logged()
  }

  /** Those that the store has counted. It is asked about decisions that may have been rewarded before. */
  async function duplicatesOf(rewards: readonly PendingReward[]): Promise<ReadonlySet<PendingReward>> {
    const now = clock.now()
    const asked = rewards.filter(({ event }) => rewarded.add(event.decisionId, now))
    if (asked.length === 0) return new Set()
    const seen = await askSeen(asked.map(({ event }) => event))
    return new Set(asked.filter((_, index) => seen[index] === true))
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

  async function flush(): Promise<void> {
    const askedAt = clock.now()
    const handedOver = unsynced.handedOver()
    await log.sync()
    await handedOver
    await loop.flush()
    await loop.note(askedAt)
  }

  async function recordDurably(event: ExperimentEvent | AuditEvent): Promise<void> {
    const write = log.append(JSON.stringify(event))
    if ((await write.written) === undefined) {
      throw new GatewayError("log_unavailable", { detail: "the outcome log doesn't take the change now" })
    }
    await log.sync()
  }

  async function finish(): Promise<unknown> {
    try {
      await flush()
      return "done"
    } catch (error) {
      return error
    }
  }

  return {
    counts: {
      get folds() {
        return loop.counts.folds
      },
      get failedFolds() {
        return loop.counts.failedFolds
      },
      get storeFails() {
        return loop.storeFails
      },
      get waitingRewards() {
        return pendingRewards.size
      },
    },
    recordDecision: (line, facts) => {
      const write = log.append(line)
      unsynced.add(write, { kind: "decision", facts })
      return write.answered
    },
    recordRewards,
    recordExperiment: recordDurably,
    recordAudit: recordDurably,
    flush,
    close: async () => {
      const done = await within(finish(), closeWithinMs)
      if (done !== "done")
        logger.error({ why: String(done) }, "closing with outcomes that are not synced or not counted")
      loop.stop()
      await within(Promise.allSettled([log.close(), store.close()]), closeWithinMs)
    },
  }
}

function notCounted(): GatewayError {
  return new GatewayError("store_unavailable", { detail: "rewards can't be counted now: send them again" })
}

/** Under `first` every postback of a decision and metric is the same one, but for a zero, which gives way to one that isn't. */
function postbackName(event: RewardEvent): string {
  const credit = `${event.decisionId}\n${event.metric}`
  if (event.aggregation !== "first") return `${credit}\n${event.eventId}`
  return event.value === 0 ? `${credit}\n0` : credit
}
