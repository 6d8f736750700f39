import type { RewardEvent } from "../domain/events.ts"
import type { RewardAnswer } from "../ports/counter-store.ts"
import type { RewardEntry } from "./log-entry.ts"
import { TIMED_OUT, within } from "./within.ts"

/** A postback on its way to the log and the counters. */
export class PendingReward implements RewardEntry {
  readonly kind = "reward"
  readonly name: string
  readonly event: RewardEvent
  readonly turn: RewardTurn
  /** Of its experiment in its turn: they are folded together. */
  readonly part: TurnPart
  /** Whether its line, or that of the postback it repeats, has been written; false until then. */
  written = false
  /** Undefined while the store doesn't answer. */
  answer: RewardAnswer | undefined
  #settled = false

  constructor(name: string, event: RewardEvent, turn: RewardTurn) {
    this.name = name
    this.event = event
    this.turn = turn
    this.part = turn.partOf(event.experiment)
    this.part.open += 1
    turn.rewards.push(this)
  }

  answered(answer: RewardAnswer): void {
    if (this.#settled) return
    this.answer = answer
    this.settle()
  }

  /** Nothing more happens to it: it was counted, it was not written, or it is counted later from the log. */
  settle(): void {
    if (this.#settled) return
    this.#settled = true
    this.turn.settled(this)
    this.part.open -= 1
    if (this.part.open === 0) this.part.done()
  }
}

/** Rewards that came in one turn of the event loop. They share one question to the store, one write, one sync, and all timers. */
export class RewardTurn {
  readonly rewards: PendingReward[] = []
  readonly #parts = new Map<string, TurnPart>()
  readonly #waitMs: number
  readonly #sync: () => Promise<void>
  readonly settled: (pending: PendingReward) => void
  readonly #logged = Promise.withResolvers<void>()
  #durable: Promise<Durable> | undefined

  /**
   * @param waitMs how long anyone waits for the log, for its sync, and for the store
   * @param settled told of each reward that is settled
   */
  constructor(waitMs: number, sync: () => Promise<void>, settled: (pending: PendingReward) => void) {
    this.#waitMs = waitMs
    this.#sync = sync
    this.settled = settled
  }

  partOf(experiment: string): TurnPart {
    let part = this.#parts.get(experiment)
    if (part === undefined) {
      part = new TurnPart(this.#waitMs)
      this.#parts.set(experiment, part)
    }
    return part
  }

  /** Each reward says by now whether it was written. */
  logged(): void {
    this.#logged.resolve()
  }

  /** Whether what was written is durable now. Whoever asks after it wasn't has it tried again. @throws what the log's sync says */
  durable(): Promise<Durable> {
    this.#durable ??= this.#makeDurable()
    return this.#durable
  }

  async #makeDurable(): Promise<Durable> {
    let outcome: Durable = "not written"
    try {
      if ((await within(this.#logged.promise, this.#waitMs)) === TIMED_OUT) return outcome
      outcome = "not synced"
      if ((await within(this.#sync(), this.#waitMs)) === TIMED_OUT) return outcome
      outcome = "durable"
      return outcome
    } finally {
      if (outcome !== "durable") this.#durable = undefined
    }
  }
}

type Durable = "durable" | "not written" | "not synced"

/** Rewards of one experiment in one turn. */
class TurnPart {
  /** How many are not settled. */
  open = 0
  readonly #waitMs: number
  readonly #settled = Promise.withResolvers<void>()
  #waiting: Promise<void> | undefined

  constructor(waitMs: number) {
    this.#waitMs = waitMs
  }

  done(): void {
    this.#settled.resolve()
  }

  /** Until all are settled or the store has taken too long. */
  settled(): Promise<void> {
    this.#waiting ??= this.#wait()
    return this.#waiting
  }

  async #wait(): Promise<void> {
    // Whoever comes after that waits anew.
    if ((await within(this.#settled.promise, this.#waitMs)) === TIMED_OUT) this.#waiting = undefined
  }
}
