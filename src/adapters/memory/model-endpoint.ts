import { GatewayError } from "../../domain/errors.ts"
import type { Features, ModelEndpoint } from "../../ports/model-endpoint.ts"

/** How the endpoint answers from now on. */
export type EndpointBehaviour =
  /** At once, without a promise. */
  | { readonly kind: "score"; readonly score: (instance: Features) => number }
  /** By a promise after `delayMs`, unless the caller gives up first. */
  | { readonly kind: "delay"; readonly delayMs: number; readonly score: (instance: Features) => number }
  /** Never, not even when the caller gives up. */
  | { readonly kind: "hang" }
  | { readonly kind: "fail"; readonly error: Error }

/** A model whose speed and failures are set by whoever tests with it. Counts its calls. */
export class MemoryModelEndpoint implements ModelEndpoint {
  readonly model: string
  readonly remote: boolean
  behaviour: EndpointBehaviour
  calls = 0

  constructor(options: { readonly model: string; readonly remote: boolean; readonly behaviour: EndpointBehaviour }) {
    this.model = options.model
    this.remote = options.remote
    this.behaviour = options.behaviour
  }

  predict(instances: readonly Features[], signal: AbortSignal | undefined): number[] | Promise<number[]> {
    this.calls++
    const behaviour = this.behaviour
    if (behaviour.kind === "fail") throw behaviour.error
    if (behaviour.kind === "hang") return new Promise(() => {})
    if (behaviour.kind === "score") return instances.map(behaviour.score)
    return elapsed(behaviour.delayMs, signal).then(() => instances.map(behaviour.score))
  }
}

function elapsed(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, delayMs)
    const giveUp = () => {
      clearTimeout(timer)
      reject(new GatewayError("backend_failed", { detail: "[memory] the caller gave up", cause: signal?.reason }))
    }
    if (signal?.aborted === true) giveUp()
    else signal?.addEventListener("abort", giveUp, { once: true })
  })
}
