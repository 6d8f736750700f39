import { Circuit, type CircuitState } from "../domain/backends/circuit.ts"
import { ConcurrencyLimit } from "../domain/backends/concurrency-limit.ts"
import { RetryBudget } from "../domain/backends/retry-budget.ts"
import { GatewayError } from "../domain/errors.ts"
import type { Clock } from "../ports/clock.ts"
import type {
  CallHealth,
  ModelCalls,
  OutboundAnswer,
  OutboundFailure,
  OutboundHttp,
  OutboundRequest,
  OutboundResult,
} from "../ports/outbound-http.ts"

/** What became of the calls to a target, since the start. */
export interface TargetCounts {
  /** Calls that were sent, each once. */
  calls: number
  retries: number
  /** Answers by the first digit of their status, and what came instead of one. */
  readonly outcomes: Record<Outcome, number>
  /** Calls that were not sent: a circuit was open, or too many were under way. */
  refused: number
  /** Milliseconds of all calls that were answered. */
  answeredMs: number
}

export type Outcome = "2xx" | "3xx" | "4xx" | "5xx" | OutboundFailure

export interface GuardedTarget {
  readonly name: string
  readonly outbound: OutboundHttp
  /** Calls that may be under way at once. */
  readonly maxConcurrent: number
}

/** Answers that say "not now": another attempt may go better. */
const TRANSIENT: ReadonlySet<number> = new Set([429, 502, 503])
/** Answers of a server that has too much to do. */
const OVERLOADED: ReadonlySet<number> = new Set([429, 503])
/** Answers below 500 that blame the server: it has too much to do, or the model behind it failed (SageMaker's ModelError). */
const BLAMED: ReadonlySet<number> = new Set([424, 429])
/** How much one answer's time moves the usual one. */
const SMOOTHING = 0.05
/**
 * What keeps a target and its callers from each other's trouble: at most so many calls at once, and retries within a budget. `forModel` makes
 * what sends the calls of one model, with a circuit of its own: a model that fails keeps no other of the same server from being asked.
 */
export class TargetGuard {
  readonly name: string
  readonly limit: ConcurrencyLimit
  readonly counts: TargetCounts = {
    calls: 0,
    retries: 0,
    outcomes: {
      "2xx": 0,
      "3xx": 0,
      "4xx": 0,
      "5xx": 0,
      unreachable: 0,
      reset: 0,
      broken: 0,
      too_large: 0,
      late: 0,
    },
    refused: 0,
    answeredMs: 0,
  }
  readonly budget = new RetryBudget()
  readonly outbound: OutboundHttp
  readonly clock: Clock
  readonly #random: () => number
  readonly #models = new Set<GuardedModel>()

  /** @param random uniform in [0, 1): gateways that leave a target alone come back at different times */
  constructor({ name, outbound, maxConcurrent }: GuardedTarget, clock: Clock, random: () => number) {
    this.name = name
    this.outbound = outbound
    this.limit = new ConcurrencyLimit(maxConcurrent)
    this.clock = clock
    this.#random = random
  }

  forModel(): GuardedModel {
    const model = new GuardedModel(this, new Circuit(this.#random))
    this.#models.add(model)
    return model
  }

  /** The model is asked no more, or only by what was begun before. */
  forget(model: GuardedModel): void {
    this.#models.delete(model)
  }

  /** Models that are left alone now, or about to be tried. */
  get failing(): readonly CallHealth[] {
    return Array.from(this.#models, (model) => model.health()).filter(({ circuit }) => circuit !== "closed")
  }

  /** By circuit state: how many models of the target there are. */
  circuits(): Readonly<Record<CircuitState, number>> {
    const circuits = { closed: 0, open: 0, half_open: 0 }
    for (const model of this.#models) circuits[model.health().circuit]++
    return circuits
  }
}

/** Sends the calls of one model. */
export class GuardedModel implements ModelCalls {
  readonly #target: TargetGuard
  readonly #circuit: Circuit
  #usualMs: number | undefined
  #lastFailure: string | undefined

  constructor(target: TargetGuard, circuit: Circuit) {
    this.#target = target
    this.#circuit = circuit
  }

  isReady(): boolean {
    return this.#circuit.waitMs(this.#target.clock.monotonicMs()) === 0
  }

  health(): CallHealth {
    const circuit = this.#circuit.state(this.#target.clock.monotonicMs())
    return { target: this.#target.name, circuit, lastFailure: this.#lastFailure }
  }

  async send(request: OutboundRequest, timeoutMs: number): Promise<OutboundAnswer> {
    const { clock, counts, limit, budget } = this.#target
    const startedMs = clock.monotonicMs()
    if (!this.#circuit.enter(startedMs)) throw this.#refused("left alone for a while: it failed too often")
    if (!limit.enter()) {
      this.#circuit.undecided()
      throw this.#refused(`at its limit of ${limit.limit} calls at once`)
    }
    let overloaded = false
    try {
      budget.requested()
      let result = await this.#attempt(request, timeoutMs)
      const leftMs = startedMs + timeoutMs - clock.monotonicMs()
      if (this.#mayRetry(result, leftMs)) {
        counts.retries++
        result = await this.#attempt(request, leftMs)
      }
      const nowMs = clock.monotonicMs()
      // The gateway's own impatience is nothing that the model did.
      const hadTime = nowMs - startedMs >= (this.#usualMs ?? 0)
      overloaded = result.ok ? OVERLOADED.has(result.answer.status) : result.failure === "late" && hadTime
      return this.#judged(result, nowMs, hadTime)
    } finally {
      limit.leave(overloaded)
    }
  }

  async look(request: OutboundRequest, timeoutMs: number): Promise<OutboundResult> {
    const { limit, outbound } = this.#target
    if (!limit.enter()) {
      return { ok: false, failure: "unreachable", error: new Error(`at its limit of ${limit.limit} calls at once`) }
    }
    try {
      return await outbound.send(request, timeoutMs)
    } finally {
      limit.leave(false)
    }
  }

  async #attempt(request: OutboundRequest, timeoutMs: number): Promise<OutboundResult> {
    const { clock, counts, outbound } = this.#target
    const startedMs = clock.monotonicMs()
    counts.calls++
    const result = await outbound.send(request, timeoutMs)
    counts.outcomes[outcomeOf(result)]++
    if (result.ok) {
      const tookMs = clock.monotonicMs() - startedMs
      counts.answeredMs += tookMs
      if (result.answer.status < 300) this.#usualMs = smoothed(this.#usualMs, tookMs)
    }
    return result
  }

  #mayRetry(result: OutboundResult, leftMs: number): boolean {
    const transient = result.ok
      ? TRANSIENT.has(result.answer.status)
      : result.failure === "unreachable" || result.failure === "reset"
    const { budget, clock } = this.#target
    return transient && leftMs > (this.#usualMs ?? 0) && budget.take(clock.monotonicMs())
  }

  /** Tells the circuit how it went. */
  #judged(result: OutboundResult, nowMs: number, hadTime: boolean): OutboundAnswer {
    if (result.ok && result.answer.status < 300) {
      this.#lastFailure = undefined
      this.#circuit.succeeded(nowMs)
      return result.answer
    }
    const failure = result.ok ? `status ${result.answer.status}` : `${result.failure}: ${result.error.message}`
    this.#lastFailure = failure
    if (result.ok) {
      // What it refuses it has understood: another request may be answered.
      if (result.answer.status >= 500 || BLAMED.has(result.answer.status)) this.#circuit.failed(nowMs)
      else this.#circuit.succeeded(nowMs)
      throw this.#failed(failure, result.answer.status)
    }
    if (result.failure !== "late") {
      this.#circuit.failed(nowMs)
      throw this.#failed(failure)
    }
    if (hadTime) this.#circuit.failed(nowMs)
    else this.#circuit.undecided()
    throw new GatewayError("deadline_exceeded")
  }

  #refused(why: string): GatewayError {
    this.#target.counts.refused++
    return new GatewayError("backend_unavailable", { cause: new Error(`the target ${this.#target.name} is ${why}`) })
  }

  #failed(failure: string, backendStatus?: number): GatewayError {
    const cause = new Error(`the target ${this.#target.name}: ${failure}`)
    return new GatewayError("backend_failed", { cause, backendStatus })
  }
}

function outcomeOf(result: OutboundResult): Outcome {
  if (!result.ok) return result.failure
  const { status } = result.answer
  if (status < 300) return "2xx"
  if (status < 400) return "3xx"
  return status < 500 ? "4xx" : "5xx"
}

function smoothed(before: number | undefined, tookMs: number): number {
  return before === undefined ? tookMs : before + SMOOTHING * (tookMs - before)
}
