import { GatewayError } from "../../domain/errors.ts"
import type { Features, ModelAnswer, ModelCall, ModelEndpoint, Takes } from "../../ports/model-endpoint.ts"

/** How the endpoint answers from now on. */
export type EndpointBehaviour =
  /** At once, without a promise. */
  | { readonly kind: "score"; readonly score: (instance: Features) => number }
  /** By a promise after `delayMs`, unless the call may not take that long. */
  | { readonly kind: "delay"; readonly delayMs: number; readonly score: (instance: Features) => number }
  /** At once with whatever it is, such as a body or a location. */
  | { readonly kind: "answer"; readonly answer: ModelAnswer }
  /** Never, however long the call may take. */
  | { readonly kind: "hang" }
  | { readonly kind: "fail"; readonly error: Error }

/** A model whose speed and failures are set by whoever tests with it. Counts its calls and remembers the last. */
export class MemoryModelEndpoint implements ModelEndpoint {
  readonly model: string
  readonly remote: boolean
  behaviour: EndpointBehaviour
  calls = 0
  lastCall: ModelCall | undefined
  knownFeatures: ReadonlySet<string> | undefined = undefined
  timeoutMs: number | undefined = undefined
  target?: string
  takes: Takes = { features: true, bodies: ["sagemaker", "open-inference-v2"] }

  constructor(options: {
    readonly model: string
    readonly remote: boolean
    readonly behaviour: EndpointBehaviour
  }) {
    this.model = options.model
    this.remote = options.remote
    this.behaviour = options.behaviour
  }

  predict(call: ModelCall): ModelAnswer | Promise<ModelAnswer> {
    this.calls++
    this.lastCall = call
    const behaviour = this.behaviour
    if (behaviour.kind === "fail") throw behaviour.error
    if (behaviour.kind === "hang") return new Promise(() => {})
    if (behaviour.kind === "answer") return behaviour.answer
    const scored = (): ModelAnswer => ({ kind: "scores", scores: call.instances.map(behaviour.score) })
    return behaviour.kind === "score" ? scored() : elapsed(behaviour.delayMs, call.timeoutMs).then(scored)
  }
}

async function elapsed(delayMs: number, timeoutMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.min(delayMs, timeoutMs)))
  if (delayMs > timeoutMs) throw new GatewayError("deadline_exceeded", { detail: "[memory] gave up" })
}
