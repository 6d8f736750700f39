import { type ErrorCode, GatewayError } from "../../domain/errors.ts"
import type { Answer } from "../call.ts"
import { problemAnswer } from "../problem.ts"
import type { Partition } from "./partition.ts"

/** What a refused request is told: people and programs of the control plane to slow down, everyone else that the gateway is at its limit. */
export function shedCode(partition: Partition): ErrorCode {
  return partition === "admin" ? "admin_busy" : "overloaded"
}

/** Refusals that are made before anybody needs them, since refusing has to cost less than serving. They come in turn with `Retry-After` of `retryAfterSeconds` and of one more, so that those who are refused together don't come back together. */
export class ShedAnswers {
  readonly #answers: Readonly<Record<Partition, readonly [Answer, Answer]>>
  #next: 0 | 1 = 0

  constructor(retryAfterSeconds: number) {
    const pair = (partition: Partition): [Answer, Answer] => {
      const error = new GatewayError(shedCode(partition))
      const after = (seconds: number): Answer => problemAnswer(error, { "retry-after": String(seconds) })
      return [after(retryAfterSeconds), after(retryAfterSeconds + 1)]
    }
    this.#answers = { predict: pair("predict"), reward: pair("reward"), admin: pair("admin") }
  }

  for(partition: Partition): Answer {
    this.#next = this.#next === 0 ? 1 : 0
    return this.#answers[partition][this.#next]
  }
}
