import type { IncomingMessage, ServerResponse } from "node:http"
import { CallContext } from "../../http/call-context.ts"
import {
  Admission,
  type AdmittedRequest,
  CALM_MS,
  type OverloadKnobs,
  type ShedCause,
} from "../../http/overload/admission.ts"
import type { Partition } from "../../http/overload/partition.ts"
import { ShedAnswers } from "../../http/overload/shed-answer.ts"
import type { Logger } from "../../ports/logger.ts"
import { discardRest } from "../incoming-body.ts"
import { writeAnswer } from "../node-call.ts"
import type { TurnEnd } from "../turn-end.ts"
import { RestingConnections } from "./resting-connections.ts"
import { watchThread } from "./thread-load.ts"

export type OnShed = (partition: Partition, cause: ShedCause) => void

/** A little less than what refused peers are told: who waits as long as it was asked to never meets a rest. */
const REST_MS = 0.9 * CALM_MS

/** Where requests come in: each is let through or refused before its body is read. One for each thread that serves. */
export class Gate {
  readonly admission: Admission
  readonly resting: RestingConnections
  readonly #answers: ShedAnswers
  /** Told of each refusal. */
  onShed: OnShed = () => {}

  constructor(knobs: OverloadKnobs, nowMs: () => number = () => performance.now()) {
    this.admission = new Admission(knobs, nowMs)
    this.resting = new RestingConnections(REST_MS, nowMs)
    this.#answers = new ShedAnswers(knobs.retryAfterSeconds)
  }

  /** Begins to watch the thread that calls it. */
  watch(turnEnd: TurnEnd, logger: Logger): void {
    turnEnd.onWaited = (waitedMs, ahead) => this.admission.waited(waitedMs, ahead)
    watchThread((load) => {
      if (!this.admission.look(load)) return
      const { overloaded, queueWaitMs } = this.admission.state
      turnEnd.looksInBetween = overloaded
      const figures = { queueWaitMs: Math.round(queueWaitMs), loopDelayMs: Math.round(load.loopDelayMs) }
      if (overloaded) logger.warn(figures, "overloaded: requests are refused so that the others are answered in time")
      else logger.info(figures, "overloaded no more")
    })
  }

  /** @returns undefined where the request was refused: it is answered */
  enter(request: IncomingMessage, response: ServerResponse, partition: Partition): AdmittedRequest | undefined {
    const cause = this.admission.judge(partition, this.resting.sentWhileResting(request.socket))
    if (cause === undefined) return this.admission.enter(partition)
    this.#refuse(request, response, partition, cause)
    return undefined
  }

  #refuse(request: IncomingMessage, response: ServerResponse, partition: Partition, cause: ShedCause): void {
    const { status, headers, body } = this.#answers.for(partition)
    this.onShed(partition, cause)
    const { requestId } = new CallContext((name) => [request.headers[name]].flat().join())
    writeAnswer(response, { status, body, headers: { ...headers, "x-request-id": requestId } })
    // Where too many wait for something else, this thread has time to say so to everyone.
    if (this.admission.overloaded) request.once("close", () => this.resting.rest(request.socket))
    discardRest(request)
  }
}
